import GRDB
import GatehouseCore
import Glibc
import Synchronization
import Testing

@testable import GatehouseStore

/// Keys in the database, whom they belong to, and the audit.
@Suite struct KeyRegistryTests {
    private final class Clock: Sendable {
        let seconds = Atomic<Int>(1000)
    }

    private struct Scene {
        let directory: TemporaryDirectory
        let database: SQLiteDatabase
        let clock = Clock()
        let registry: SQLiteKeyRegistry
        let author = Author(name: "root", address: "192.0.2.7")

        init() throws {
            directory = try TemporaryDirectory()
            database = try SQLiteDatabase(path: directory.path + "/a.db")
            registry = SQLiteKeyRegistry(
                database: database, pepper: try KeyPepper.load(directory: directory.path)
            ) { [clock] in clock.seconds.load(ordering: .relaxed) }
        }

        func make(_ name: String, _ membership: Membership = .init()) async throws -> (record: KeyRecord, token: Secret)
        {
            var key = VirtualKey(name: name, role: .member, models: [ModelPattern("*")])
            key.membership = membership
            return try await registry.create(key, by: author)
        }

        func party(_ kind: Party.Kind, _ name: String, team: String? = nil, in home: String? = nil) async throws
            -> Party
        {
            var party = Party(id: "", kind: kind, name: name, created: 0)
            (party.team, party.organization) = (team, home)
            return try await registry.create(party, by: author)
        }
    }

    private func refused(_ work: () async throws -> Void) async -> String? {
        do {
            try await work()
            return nil
        } catch {
            return (error as? GatehouseError)?.param ?? "\(error)"
        }
    }

    // MARK: Tokens

    @Test func aTokenIsKnownAsAWholeOnly() async throws {
        let scene = try Scene()
        let (record, token) = try await scene.make("ann")
        let text = token.reveal()
        #expect(
            text.hasPrefix("gh-") && text.utf8.count == 67 && text.hasPrefix(record.prefix)
                && record.prefix.utf8.count == 11)
        let table = try await scene.registry.table().keys
        let holder = try #require(table.principal(forToken: text))
        #expect(holder.name == "ann" && holder.key == record.key && table.holds(holder))
        for wrong in [String(text.dropLast()), text + "0", text.uppercased(), record.prefix, "", " " + text] {
            #expect(table.principal(forToken: wrong) == nil)
        }
    }

    @Test func theDatabaseHoldsNoToken() async throws {
        let scene = try Scene()
        let (_, token) = try await scene.make("ann")
        let secret = Array(token.reveal().utf8.dropFirst(11))
        try scene.database.close()
        for name in scene.directory.names {
            let file = try #require(fopen("\(scene.directory.path)/\(name)", "r"))
            defer { fclose(file) }
            var bytes = [UInt8](repeating: 0, count: 4 << 20)
            let count = fread(&bytes, 1, bytes.count, file)
            let text = String(decoding: bytes.prefix(count), as: Unicode.ASCII.self)
            #expect(!text.contains(String(decoding: secret, as: UTF8.self)), "\(name)")
        }
    }

    @Test func anotherPepperKnowsNone() async throws {
        let scene = try Scene()
        let (_, token) = try await scene.make("ann")
        let elsewhere = try TemporaryDirectory()
        let other = SQLiteKeyRegistry(
            database: scene.database, pepper: try KeyPepper.load(directory: elsewhere.path))
        #expect(elsewhere.names == ["keys.pepper"])
        #expect(try await other.table().keys.principal(forToken: token.reveal()) == nil)
    }

    @Test func thePepperIsThisUsersOnly() throws {
        let directory = try TemporaryDirectory()
        let pepper = try KeyPepper.load(directory: directory.path)
        #expect(directory.mode(of: "keys.pepper") == 0o600)
        #expect(try KeyPepper.load(directory: directory.path).digest("x") == pepper.digest("x"))
        directory.write("short\n", to: "keys.pepper")
        #expect(throws: StoreError.self) { try KeyPepper.load(directory: directory.path) }
        directory.write(String(repeating: "a", count: 64), to: "keys.pepper", mode: 0o640)
        #expect(throws: StoreError.self) { try KeyPepper.load(directory: directory.path) }
    }

    // MARK: Names

    @Test func aNameIsNeverGivenTwice() async throws {
        let scene = try Scene()
        _ = try await scene.make("ann")
        #expect(await refused { _ = try await scene.make("ann") } == "name")
        _ = try await scene.registry.revoke("ann", by: scene.author)
        #expect(await refused { _ = try await scene.make("ann") } == "name")
        #expect(try await scene.registry.claim(["admin", "ann", "ci"]) == ["ann"])
        #expect(await refused { _ = try await scene.make("ci") } == "name", "it was the configuration's")
        #expect(try await scene.registry.claim(["admin", "ci"]) == [])
        #expect(try await scene.registry.audit(before: nil, atMost: 100).count == 2, "what failed is no entry")
    }

    // MARK: Changes

    @Test func aKeyIsChangedAndRevoked() async throws {
        let scene = try Scene()
        let (record, token) = try await scene.make("ann")
        let before = try await scene.registry.revision()
        let changed = try await scene.registry.change(record.id, by: scene.author) { record throws(GatehouseError) in
            var key = record.key
            key.role = .viewer
            key.expires = 5000
            return key
        }
        #expect(changed?.key.role == .viewer && changed?.state(at: 5000) == .expired)
        #expect(try await scene.registry.revision() > before)
        let table = try await scene.registry.table()
        let holder = try #require(table.keys.principal(forToken: token.reveal()))
        #expect(holder.key.expires == 5000)
        scene.clock.seconds.store(2000, ordering: .relaxed)
        #expect(try await scene.registry.revoke("ann", by: scene.author)?.revoked == 2000)
        scene.clock.seconds.store(3000, ordering: .relaxed)
        #expect(
            try await scene.registry.revoke(record.id, by: scene.author)?.revoked == 2000, "once is as often as ever")
        let later = try await scene.registry.table()
        #expect(later.keys.principal(forToken: token.reveal()) == nil && !later.keys.holds(holder))
        #expect(later.revision > table.revision)
        let gone = try await scene.registry.change("ann", by: scene.author) { record throws(GatehouseError) in
            record.key
        }
        #expect(gone == nil)
        #expect(try await scene.registry.keys(KeyQuery()).isEmpty)
        var all = KeyQuery()
        all.includesRevoked = true
        #expect(try await scene.registry.keys(all).map(\.key.name) == ["ann"])
        let entries = try await scene.registry.audit(before: nil, atMost: 10)
        #expect(entries.map(\.action) == ["key.revoke", "key.change", "key.create"])
        #expect(entries.allSatisfy { $0.author == "root" && $0.address == "192.0.2.7" && $0.subject == record.id })
        #expect(entries[1].details.text == #"{"role":"viewer","expires_at":5000}"#)
        #expect(!entries.contains { $0.details.text.contains(token.reveal()) })
    }

    @Test func aChangeThatIsRefusedLeavesNothing() async throws {
        let scene = try Scene()
        _ = try await scene.make("ann")
        let operatorKey = VirtualKey(name: "op", role: .operator, models: [ModelPattern("fast")])
        let author = Author(name: "op", principal: Principal(key: operatorKey))
        let before = try await scene.registry.revision()
        let found = await refused {
            _ = try await scene.registry.change("ann", by: author) { record throws(GatehouseError) in
                var key = record.key
                key.role = .admin
                return key
            }
        }
        #expect(found == "role")
        #expect(
            await refused {
                _ = try await scene.registry.create(
                    .init(name: "b", role: .member, models: [ModelPattern("*")]), by: author)
            } == "models")
        #expect(try await scene.registry.revision() == before)
        #expect(try await scene.registry.key("ann")?.key.role == .member)
        #expect(try await scene.registry.claim(["b"]) == [], "its name is free")
    }

    @Test func whatCannotBeReadWholeIsNoKey() async throws {
        let scene = try Scene()
        let (_, token) = try await scene.make("ann")
        for settings in [#"{"role":"member","models":["*"],"walls":1}"#, "{", #"{"role":"emperor"}"#] {
            try await scene.database.write { db in
                try db.execute(sql: "UPDATE virtual_key SET settings = ?", arguments: [settings])
            }
            #expect(try await scene.registry.table().keys.principal(forToken: token.reveal()) == nil)
        }
    }

    // MARK: Whom they belong to

    @Test func aKeyBelongsToThoseAboveIt() async throws {
        let scene = try Scene()
        let home = try await scene.party(.organization, "acme")
        let team = try await scene.party(.team, "search", in: "acme")
        let user = try await scene.party(.user, "ann", team: team.id)
        #expect(team.organization == home.id && user.organization == home.id && user.id.hasPrefix("user_"))
        let (record, _) = try await scene.make("k", .init(user: "ann"))
        #expect(record.key.membership == Membership(user: user.id, team: team.id, organization: home.id))
        let other = try await scene.party(.organization, "other")
        #expect(
            await refused { _ = try await scene.make("l", .init(user: "ann", organization: other.id)) }
                == "organization")
        #expect(await refused { _ = try await scene.make("l", .init(team: "nobody")) } == "team")
        #expect(await refused { _ = try await scene.party(.team, "search") } == "name")
        var query = KeyQuery()
        query.member = team.id
        #expect(try await scene.registry.keys(query).map(\.id) == [record.id])
    }

    @Test func whoGoesTakesTheirKeysAlong() async throws {
        let scene = try Scene()
        _ = try await scene.party(.organization, "acme")
        _ = try await scene.party(.user, "ann", in: "acme")
        let (_, token) = try await scene.make("k", .init(user: "ann"))
        #expect(await refused { _ = try await scene.registry.delete("acme", .organization, by: scene.author) } == "id")
        let moved = await refused {
            _ = try await scene.registry.change("ann", .user, by: scene.author) { party throws(GatehouseError) in
                var party = party
                party.organization = nil
                return party
            }
        }
        #expect(moved == "organization", "its keys' bills would be another's")
        #expect(try await scene.registry.delete("ann", .user, by: scene.author)?.map(\.key.name) == ["k"])
        #expect(try await scene.registry.table().keys.principal(forToken: token.reveal()) == nil)
        #expect(try await scene.registry.parties(.user).isEmpty)
        #expect(await refused { _ = try await scene.party(.user, "ann") } == "name")
        #expect(try await scene.registry.delete("acme", .organization, by: scene.author) == [])
        #expect(try await scene.registry.delete("acme", .organization, by: scene.author) == nil)
    }
}
