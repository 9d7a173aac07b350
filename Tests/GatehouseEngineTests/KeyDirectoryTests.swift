import GatehouseCore
import Synchronization
import Testing

@testable import GatehouseEngine

/// Keys of the configuration and of the store together, as they change.
@Suite struct KeyDirectoryTests {
    /// Holders by their tokens.
    private final class Table: KeyStore {
        let keys: [String: VirtualKey]

        init(_ keys: [String: VirtualKey]) { self.keys = keys }

        func principal(forToken token: Substring) -> Principal? { keys[String(token)].map { Principal(key: $0) } }
        func holds(_ principal: Principal) -> Bool { keys.values.contains { $0.id == principal.key.id } }
    }

    private func key(_ name: String, id: String? = nil) -> VirtualKey {
        var key = VirtualKey(name: name, role: .member, models: [ModelPattern("*")])
        key.id = id
        return key
    }

    @Test func bothAreKnownAndTheConfigurationComesFirst() async throws {
        let registry = ScriptedRegistry()
        registry.set(Table(["s": key("stored", id: "vk_1"), "t": key("both", id: "vk_2")]), revision: 1)
        let directory = KeyDirectory(registry)
        directory.configure(Table(["c": key("configured"), "b": key("both")]), names: ["configured", "both"])
        #expect(directory.keys.principal(forToken: "s") == nil, "nothing was looked up yet")
        #expect(try await directory.refresh())
        let keys = directory.keys
        #expect(keys.principal(forToken: "s")?.name == "stored" && keys.principal(forToken: "c")?.name == "configured")
        #expect(keys.principal(forToken: "b")?.key.id == nil)
        #expect(keys.principal(forToken: "t") == nil, "its name is another's")
        #expect(keys.principal(forToken: "") == nil && keys.principal(forToken: "x") == nil)
    }

    @Test func onlyWhatChangedIsRead() async throws {
        let registry = ScriptedRegistry()
        registry.set(Table(["s": key("stored", id: "vk_1")]), revision: 4)
        let directory = KeyDirectory(registry)
        #expect(try await directory.refresh())
        #expect(try await !directory.refresh())
        #expect(registry.reads == 1)
        let holder = try #require(directory.keys.principal(forToken: "s"))
        #expect(directory.keys.holds(holder) && directory.keys.holds(Principal(key: key("configured"))))
        registry.set(Table([:]), revision: 5)
        #expect(directory.keys.holds(holder), "what was taken stays as it is")
        #expect(try await directory.refresh())
        #expect(directory.keys.principal(forToken: "s") == nil && !directory.keys.holds(holder))
    }

    @Test func anOlderTableNeverTakesTheNewersPlace() async throws {
        let registry = ScriptedRegistry()
        let directory = KeyDirectory(registry)
        registry.set(Table([:]), revision: 7)
        #expect(try await directory.refresh())
        // As one that was read before and came in late.
        registry.set(Table(["s": key("stored", id: "vk_1")]), revision: 6)
        #expect(try await !directory.refresh())
        #expect(directory.keys.principal(forToken: "s") == nil)
    }

    @Test func changesAreInForceWhenTheyAreTold() async throws {
        let registry = ScriptedRegistry()
        registry.set(Table(["s": key("stored", id: "vk_1")]), revision: 1)
        let directory = KeyDirectory(registry)
        let snapshots = SnapshotHolder(
            RoutingSnapshot(keys: directory.keys, entries: [], aliases: [], created: 1))
        let service = KeyService(directory, snapshots)
        try await service.refresh()
        #expect(snapshots.snapshot.keys.principal(forToken: "s") != nil)
        let told = try await service.change { _ async throws(GatehouseError) in
            registry.set(Table([:]), revision: 2)
            return "revoked"
        }
        #expect(told == "revoked" && snapshots.snapshot.keys.principal(forToken: "s") == nil)
    }

    @Test func whatWasKeptIsToldThoughItCannotBeReadBack() async throws {
        let registry = ScriptedRegistry()
        let service = KeyService(
            KeyDirectory(registry),
            SnapshotHolder(RoutingSnapshot(keys: KeyChain.empty, entries: [], aliases: [], created: 1)))
        let told = try await service.change { _ async throws(GatehouseError) in
            registry.fail()
            return 1
        }
        #expect(told == 1)
    }
}

/// A registry that gives what it was told to.
private final class ScriptedRegistry: KeyRegistry {
    private struct State {
        var table: any KeyStore = KeyChain.empty
        var revision = 0
        var reads = 0
        var fails = false
    }

    private let state = Mutex(State())

    func set(_ table: any KeyStore, revision: Int) {
        state.withLock { ($0.table, $0.revision) = (table, revision) }
    }

    func fail() { state.withLock { $0.fails = true } }
    var reads: Int { state.withLock { $0.reads } }

    private static let unavailable = GatehouseError(.storageUnavailable, "Gone.")

    func revision() async throws(GatehouseError) -> Int {
        if state.withLock({ $0.fails }) { throw Self.unavailable }
        return state.withLock { $0.revision }
    }

    func table() async throws(GatehouseError) -> (keys: any KeyStore, revision: Int) {
        state.withLock { state in
            state.reads += 1
            return (state.table, state.revision)
        }
    }

    func claim(_ names: [String]) async throws(GatehouseError) -> [String] { [] }
    func create(_ key: VirtualKey, by author: Author) async throws(GatehouseError) -> (record: KeyRecord, token: Secret)
    {
        throw Self.unavailable
    }
    func keys(_ query: KeyQuery) async throws(GatehouseError) -> [KeyRecord] { [] }
    func key(_ id: String) async throws(GatehouseError) -> KeyRecord? { nil }
    func change(
        _ id: String, by author: Author, _ edit: @escaping @Sendable (KeyRecord) throws(GatehouseError) -> VirtualKey
    ) async throws(GatehouseError) -> KeyRecord? { nil }
    func revoke(_ id: String, by author: Author) async throws(GatehouseError) -> KeyRecord? { nil }
    func create(_ party: Party, by author: Author) async throws(GatehouseError) -> Party { party }
    func parties(_ kind: Party.Kind) async throws(GatehouseError) -> [Party] { [] }
    func party(_ id: String, _ kind: Party.Kind) async throws(GatehouseError) -> Party? { nil }
    func change(
        _ id: String, _ kind: Party.Kind, by author: Author,
        _ edit: @escaping @Sendable (Party) throws(GatehouseError) -> Party
    ) async throws(GatehouseError) -> Party? { nil }
    func delete(_ id: String, _ kind: Party.Kind, by author: Author) async throws(GatehouseError) -> [KeyRecord]? {
        nil
    }
    func audit(before: Int?, atMost limit: Int) async throws(GatehouseError) -> [AuditEntry] { [] }
}
