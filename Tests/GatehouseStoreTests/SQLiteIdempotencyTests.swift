import GatehouseCore
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import GatehouseStore

@Suite struct SQLiteIdempotencyTests {
    private final class Clock: Sendable {
        let seconds = Atomic<Int>(1000)
    }

    private struct Scene {
        let directory: TemporaryDirectory
        var database: SQLiteDatabase
        let clock = Clock()
        var store: SQLiteIdempotencyStore
        let limits: SQLiteIdempotencyStore.Limits
        let loop = MultiThreadedEventLoopGroup.singleton.any()

        init(total: Int = 10_000, count: Int = 100) throws {
            directory = try TemporaryDirectory()
            limits = .init(ttl: 60, entry: 1000, total: total, count: count)
            database = try SQLiteDatabase(path: directory.path + "/a.db")
            store = SQLiteIdempotencyStore(database: database, limits: limits) {
                [clock] in clock.seconds.load(ordering: .relaxed)
            }
        }

        func name(_ key: String, _ owner: String = "ann") -> IdempotencyName { .init(owner: owner, key: key) }

        func begin(_ key: String, _ owner: String = "ann") async throws {
            try await store.begin(name(key, owner), digest: [1, 2], on: loop).get()
        }

        func state(_ key: String, _ owner: String = "ann") async throws -> IdempotencyEntry.State? {
            try await store.find(name(key, owner), on: loop).get()?.state
        }

        func keep(_ key: String, _ body: String?) async throws {
            store.keep(name(key), head: ByteBuffer(string: "{}"), body: body.map { ByteBuffer(string: $0) }) {}
            try await database.write { _ in }
        }
    }

    private func answered(_ body: String) -> IdempotencyEntry.State {
        .answered(head: ByteBuffer(string: "{}"), body: ByteBuffer(string: body))
    }

    @Test func aCallIsKnownFromItsBeginningToItsTime() async throws {
        let scene = try Scene()
        #expect(try await scene.state("a") == nil)
        try await scene.begin("a")
        #expect(try await scene.state("a") == .begun)
        #expect(try await scene.state("a", "bob") == nil, "another owner's")
        await #expect(throws: (any Error).self) { try await scene.begin("a") }
        try await scene.keep("a", "answer")
        #expect(try await scene.state("a") == answered("answer"))
        scene.clock.seconds.store(1060, ordering: .relaxed)
        #expect(try await scene.state("a") == nil)
        try await scene.begin("a")
        #expect(try await scene.state("a") == .begun)
        try await scene.begin("a", "bob")
    }

    @Test func emptyAndTooLongAnswersAreTwoThings() async throws {
        let scene = try Scene()
        for (key, body) in [("empty", ""), ("long", nil)] as [(String, String?)] {
            try await scene.begin(key)
            try await scene.keep(key, body)
        }
        #expect(try await scene.state("empty") == answered(""))
        #expect(try await scene.state("long") == .lost)
    }

    @Test func whatWasNotCarriedOutIsForgottenAndAnswersAreNot() async throws {
        let scene = try Scene()
        for key in ["a", "b"] { try await scene.begin(key) }
        try await scene.keep("b", "x")
        for key in ["a", "b"] { scene.store.forget(scene.name(key)) {} }
        try await scene.database.write { _ in }
        #expect(try await scene.state("a") == nil)
        #expect(try await scene.state("b") == answered("x"))
    }

    @Test func theOldestAnswersMakeRoomAndTheirCallsStayKnown() async throws {
        let scene = try Scene(total: 1000, count: 250)
        for index in 0..<250 {
            try await scene.begin("\(index)")
            try await scene.keep("\(index)", "0123456789")
        }
        try await scene.store.sweep()
        #expect(try await scene.state("0") == .lost)
        #expect(try await scene.state("249") == answered("0123456789"))
        await #expect(throws: (any Error).self) { try await scene.begin("more") }
        scene.clock.seconds.store(2000, ordering: .relaxed)
        try await scene.store.sweep()
        try await scene.begin("more")
    }

    @Test func itIsThereAfterAnotherStart() async throws {
        let scene = try Scene()
        try await scene.begin("a")
        try await scene.begin("b")
        try await scene.keep("b", "x")
        try scene.database.close()
        let later = SQLiteIdempotencyStore(
            database: try SQLiteDatabase(path: scene.directory.path + "/a.db"), limits: scene.limits, clock: { 1001 })
        #expect(try await later.find(scene.name("a"), on: scene.loop).get()?.state == .begun)
        #expect(try await later.find(scene.name("b"), on: scene.loop).get()?.state == answered("x"))
    }

    @Test func digestsTellPartsApart() throws {
        let store = try Scene().store
        func digest(_ parts: String...) -> [UInt8] { store.digest(of: parts.map { ByteBuffer(string: $0) }) }
        let all = [digest("ab", "c"), digest("a", "bc"), digest("abc"), digest("", "abc"), digest("abc", "")]
        #expect(Set(all).count == all.count && all[0].count == 32)
    }
}
