import GatehouseCore
import GatehouseEngine
import Testing

@Suite struct AgentSessionMemoryTests {
    private static func name(_ session: String, _ owner: String = "ann") -> AgentSessionName {
        AgentSessionName(agent: "a", owner: owner, session: session)
    }

    private static func session(_ vendor: String) -> AgentSession {
        AgentSession(vendor: vendor, directory: "/workspace", conversation: "", said: "", answer: "")
    }

    @Test func keepsTheLastOfEachName() {
        let memory = AgentSessionMemory()
        #expect(memory.session(Self.name("s")) == nil)
        memory.keep(Self.session("one"), as: Self.name("s"))
        memory.keep(Self.session("two"), as: Self.name("s"))
        #expect(memory.session(Self.name("s"))?.vendor == "two")
        #expect(memory.session(Self.name("s", "bob")) == nil)
        memory.forget(Self.name("s"))
        #expect(memory.session(Self.name("s")) == nil)
        #expect(memory.session(AgentSessionName(agent: "b", owner: "ann", session: "s")) == nil)
    }

    @Test func forgetsWhatWasUsedLongestAgo() {
        let memory = AgentSessionMemory(perOwner: 2, total: 3)
        for session in ["a", "b"] { memory.keep(Self.session(session), as: Self.name(session)) }
        #expect(memory.session(Self.name("a")) != nil)
        memory.keep(Self.session("c"), as: Self.name("c"))
        #expect(memory.session(Self.name("b")) == nil)
        memory.keep(Self.session("d"), as: Self.name("d", "bob"))
        memory.keep(Self.session("e"), as: Self.name("e", "bob"))
        #expect(memory.session(Self.name("a")) == nil)
        for (session, owner) in [("c", "ann"), ("d", "bob"), ("e", "bob")] {
            #expect(memory.session(Self.name(session, owner)) != nil)
        }
    }
}
