import GatehouseCore
import GatehouseEngine
import Testing

@Suite struct SealMemoryTests {
    private func seal(_ call: String, _ value: String = "S", thoughts: String? = nil) -> Seal {
        let parts = thoughts.map { [Part(.thinking(Thinking($0)), signature: Signature(.anthropic, "T"))] }
        return Seal(callID: call, thoughts: parts ?? [], signature: Signature(.gemini, value))
    }

    @Test func aSealIsGivenToItsOwnerOnly() {
        let memory = SealMemory()
        memory.keep([seal("c", "hers")], owner: "alice")
        memory.keep([seal("c", "his"), seal("d")], owner: "bob")
        #expect(memory.seal(call: "c", owner: "alice")?.signature?.value == "hers")
        #expect(memory.seal(call: "c", owner: "bob")?.signature?.value == "his")
        #expect(memory.seal(call: "d", owner: "alice") == nil)
        #expect(memory.seal(call: "c", owner: "carol") == nil)
    }

    @Test func theSameCallAgainReplaces() {
        let memory = SealMemory(maximumEntries: 2)
        memory.keep([seal("a"), seal("b"), seal("a", "new")], owner: "o")
        #expect(memory.seal(call: "a", owner: "o")?.signature?.value == "new")
        #expect(memory.seal(call: "b", owner: "o") != nil)
    }

    @Test func theOldestGoFirstWhenThereAreTooMany() {
        let memory = SealMemory(maximumEntries: 3)
        for number in 1...5 { memory.keep([seal("c\(number)")], owner: "o\(number % 2)") }
        let left = (1...5).filter { memory.seal(call: "c\($0)", owner: "o\($0 % 2)") != nil }
        #expect(left == [3, 4, 5])
    }

    @Test func theOldestGoFirstWhenTheyAreTooLarge() {
        let memory = SealMemory(maximumSize: 4096)
        memory.keep([seal("small")], owner: "o")
        memory.keep([seal("large", thoughts: String(repeating: "x", count: 3000))], owner: "o")
        #expect(memory.seal(call: "small", owner: "o") != nil)
        memory.keep([seal("next", String(repeating: "s", count: 1000))], owner: "o")
        #expect(memory.seal(call: "small", owner: "o") == nil)
        #expect(memory.seal(call: "large", owner: "o") == nil)
        #expect(memory.seal(call: "next", owner: "o") != nil)
    }

    @Test func whatShrinksForgetsTheOlderHalf() {
        let memory = SealMemory()
        for number in 1...8 { memory.keep([seal("c\(number)")], owner: "o") }
        memory.shrink()
        #expect((1...8).filter { memory.seal(call: "c\($0)", owner: "o") != nil } == [5, 6, 7, 8])
        for _ in 0..<4 { memory.shrink() }
        #expect(!(1...8).contains { memory.seal(call: "c\($0)", owner: "o") != nil })
    }

    @Test func oneThatIsLargerThanAllRoomIsNotKept() {
        let memory = SealMemory(maximumSize: 1000)
        memory.keep([seal("c", String(repeating: "s", count: 2000))], owner: "o")
        #expect(memory.seal(call: "c", owner: "o") == nil)
        memory.keep([seal("d")], owner: "o")
        #expect(memory.seal(call: "d", owner: "o") != nil, "and leaves the room as it was")
    }

    @Test func replacingDoesNotUseUpTheRoom() {
        let memory = SealMemory(maximumSize: 1000)
        memory.keep([seal("first")], owner: "o")
        for _ in 0..<100 { memory.keep([seal("c")], owner: "o") }
        #expect(memory.seal(call: "first", owner: "o") != nil)
    }
}
