import GatehouseEngine
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

/// A clock that a test sets.
final class SetClock: Sendable {
    private let time = Mutex(NIODeadline.uptimeNanoseconds(0))

    var now: NIODeadline { time.withLock { $0 } }
    func advance(_ amount: TimeAmount) { time.withLock { $0 = $0 + amount } }
}

@Suite struct ConversationMemoryTests {
    private let loop = EmbeddedEventLoop()
    private let clock = SetClock()

    private func memory(_ change: (inout ConversationMemory.Limits) -> Void = { _ in }) -> ConversationMemory {
        var limits = ConversationMemory.Limits()
        change(&limits)
        return ConversationMemory(limits, now: { [clock] in clock.now })
    }

    private func find(_ id: String, _ owner: String = "a", in memory: ConversationMemory) throws -> String? {
        try memory.conversation(id, owner: owner, on: loop).wait().map { String(buffer: $0) }
    }

    private func keep(_ text: String, _ id: String, _ owner: String = "a", in memory: ConversationMemory) {
        memory.keep(ByteBuffer(string: text), id: id, owner: owner)
    }

    @Test func whatIsKeptIsFoundByItsOwnerOnly() throws {
        let memory = memory()
        keep("[1]", "x", in: memory)
        keep("[2]", "x", "b", in: memory)
        #expect(try find("x", in: memory) == "[1]")
        #expect(try find("x", "b", in: memory) == "[2]")
        #expect(try find("x", "c", in: memory) == nil)
        #expect(try find("y", in: memory) == nil)
    }

    @Test func theSameIDAgainReplacesAndIsCountedOnce() throws {
        let memory = memory()
        keep("[1]", "x", in: memory)
        let size = memory.size
        for _ in 0..<100 { keep("[2]", "x", in: memory) }
        #expect(try find("x", in: memory) == "[2]")
        #expect(memory.size == size)
    }

    @Test func nothingGetsOlderThanItsTimeHoweverMuchItIsUsed() throws {
        let memory = memory { $0.ttl = .seconds(10) }
        keep("[1]", "x", in: memory)
        clock.advance(.seconds(6))
        keep("[2]", "y", in: memory)
        #expect(try find("x", in: memory) == "[1]")
        clock.advance(.seconds(4))
        #expect(try find("x", in: memory) == nil)
        #expect(try find("y", in: memory) == "[2]")
        clock.advance(.seconds(6))
        keep("[3]", "z", in: memory)
        #expect(try find("y", in: memory) == nil)
        clock.advance(.seconds(10))
        #expect(try find("z", in: memory) == nil)
        #expect(memory.size == 0)
    }

    @Test func ofOneOwnerTheLeastUsedGoesFirst() throws {
        let memory = memory { $0.perOwner = 3 }
        keep("[0]", "other", "b", in: memory)
        for id in ["x", "y", "z"] { keep("[1]", id, in: memory) }
        #expect(try find("x", in: memory) != nil)
        keep("[2]", "w", in: memory)
        #expect(try find("y", in: memory) == nil)
        for id in ["x", "z", "w"] { #expect(try find(id, in: memory) != nil, "\(id)") }
        #expect(try find("other", "b", in: memory) != nil)
    }

    @Test func ofAllOwnersTheLeastUsedGoesFirst() throws {
        let memory = memory { $0.total = 8192 }
        let text = String(repeating: "x", count: 2000)
        for (id, owner) in [("x", "a"), ("y", "b"), ("z", "a")] { keep(text, id, owner, in: memory) }
        #expect(memory.size <= 8192)
        #expect(try find("x", in: memory) != nil)
        keep(text, "w", "c", in: memory)
        #expect(memory.size <= 8192)
        #expect(try find("y", "b", in: memory) == nil)
        #expect(try find("x", in: memory) != nil)
        #expect(try find("w", "c", in: memory) != nil)
    }

    @Test func whatShrinksForgetsTheLessUsedHalf() throws {
        let memory = memory()
        for id in ["v", "w", "x", "y"] { keep("text", id, in: memory) }
        #expect(try find("v", in: memory) != nil)
        memory.shrink()
        #expect(try ["v", "w", "x", "y"].filter { try find($0, in: memory) != nil } == ["v", "y"])
        for _ in 0..<3 { memory.shrink() }
        #expect(memory.size == 0)
    }

    @Test func whatIsTooLargeIsNotKeptAndDrivesNothingOut() throws {
        let memory = memory {
            $0.entry = 100
            $0.total = 10_000
        }
        #expect(memory.maximumSize == 100)
        keep("[1]", "x", in: memory)
        keep(String(repeating: "x", count: 101), "y", in: memory)
        keep(String(repeating: "x", count: 100), "z", in: memory)
        #expect(try find("x", in: memory) == "[1]")
        #expect(try find("y", in: memory) == nil)
        #expect(try find("z", in: memory) != nil)
    }

    @Test func nothingIsPromisedWithoutRoom() throws {
        #expect(memory { $0.total = 0 }.maximumSize == 0)
        #expect(memory { $0.entry = 0 }.maximumSize == 0)
        let small = memory { $0.total = 3000 }
        #expect(small.maximumSize == 1500)
        keep(String(repeating: "x", count: 1024), "x", in: small)
        #expect(try find("x", in: small) != nil)
    }

    @Test func longUseStaysWithinItsBounds() throws {
        let memory = memory {
            $0.total = 100_000
            $0.perOwner = 5
        }
        for round in 0..<5000 {
            keep("[\(round)]", "id\(round % 50)", "owner\(round % 13)", in: memory)
            _ = try find("id\(round % 7)", "owner\(round % 11)", in: memory)
            if round.isMultiple(of: 100) { clock.advance(.minutes(1)) }
        }
        #expect(memory.size <= 100_000 && memory.size > 0)
        clock.advance(.hours(2))
        #expect(try find("id0", in: memory) == nil)
        #expect(memory.size == 0)
    }
}
