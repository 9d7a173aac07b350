import GRDB
import GatehouseCore
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GatehouseStore

/// Conversations and agents' sessions, kept in the database behind the backs of those who keep them.
@Suite struct SQLiteConversationTests {
    private final class Clock: Sendable {
        let seconds = Atomic<Int>(1000)
    }

    private struct Scene {
        let directory: TemporaryDirectory
        let database: SQLiteDatabase
        let clock = Clock()
        let store: SQLiteConversationStore
        let loop = MultiThreadedEventLoopGroup.singleton.any()

        init(ttl: Int = 60, total: Int = 10_000, perOwner: Int = 3) throws {
            directory = try TemporaryDirectory()
            database = try SQLiteDatabase(path: directory.path + "/a.db")
            store = SQLiteConversationStore(
                database: database, limits: .init(ttl: ttl, entry: 100, total: total, perOwner: perOwner)
            ) { [clock] in clock.seconds.load(ordering: .relaxed) }
        }

        func keep(_ text: String, _ id: String, _ owner: String = "ann") async throws {
            store.keep(ByteBuffer(string: text), id: id, owner: owner)
            // Writes are in order: behind this one is that one.
            try await database.write { _ in }
        }

        func text(_ id: String, _ owner: String = "ann") async throws -> String? {
            try await store.conversation(id, owner: owner, on: loop).get().map { String(buffer: $0) }
        }
    }

    @Test func eachOwnerFindsItsOwn() async throws {
        let scene = try Scene()
        try await scene.keep("hers", "1")
        try await scene.keep("his", "1", "bob")
        #expect(try await scene.text("1") == "hers")
        #expect(try await scene.text("1", "bob") == "his")
        #expect(try await scene.text("2") == nil)
        try await scene.keep("hers, later", "1")
        #expect(try await scene.text("1") == "hers, later")
    }

    @Test func whatIsTooLargeIsNotKept() async throws {
        let scene = try Scene()
        #expect(scene.store.maximumSize == 100)
        try await scene.keep(String(repeating: "x", count: 101), "1")
        #expect(try await scene.text("1") == nil)
    }

    @Test func theirTimeEnds() async throws {
        let scene = try Scene()
        try await scene.keep("a", "1")
        scene.clock.seconds.store(1060, ordering: .relaxed)
        #expect(try await scene.text("1") == nil)
        #expect(try await scene.store.sweep() == 1)
    }

    @Test func whatWasUsedLongestAgoGoesFirst() async throws {
        let scene = try Scene()
        for number in 1...3 {
            scene.clock.seconds.add(1, ordering: .relaxed)
            try await scene.keep("\(number)", "\(number)")
        }
        scene.clock.seconds.add(1, ordering: .relaxed)
        #expect(try await scene.text("1") == "1")
        scene.clock.seconds.add(1, ordering: .relaxed)
        try await scene.keep("4", "4")
        #expect(try await scene.text("2") == nil)
        for id in ["1", "3", "4"] { #expect(try await scene.text(id) == id) }
    }

    @Test func allTogetherTakeNoMoreThanTheyMay() async throws {
        let scene = try Scene(ttl: 1000, total: 250, perOwner: 1000)
        for number in 1...150 {
            scene.clock.seconds.add(1, ordering: .relaxed)
            try await scene.keep("xy", "\(number)")
        }
        #expect(try await scene.store.sweep() == 100)
        #expect(try await scene.text("150") == "xy")
    }

    @Test func agentsSessionsOutliveARestart() async throws {
        let directory = try TemporaryDirectory()
        let database = try SQLiteDatabase(path: directory.path + "/a.db")
        let journal = SQLiteAgentSessions(database: database)
        func name(_ session: String) -> AgentSessionName {
            AgentSessionName(agent: "claude", owner: "ann", session: session)
        }
        func session(_ vendor: String) -> AgentSession {
            AgentSession(vendor: vendor, directory: "/work", conversation: "c", said: "s", answer: "a")
        }
        journal.kept(session("1"), as: name("x"))
        journal.kept(session("2"), as: name("y"))
        journal.kept(session("3"), as: name("x"))
        journal.kept(session("4"), as: name("z"))
        journal.forgotten(name("y"))
        try await database.write { _ in }
        let known = try SQLiteAgentSessions(database: database).load(atMost: 10)
        #expect(known.map(\.name) == [name("x"), name("z")])
        #expect(known.map(\.session) == [session("3"), session("4")])
        #expect(try journal.load(atMost: 1).map(\.name) == [name("z")])
    }
}
