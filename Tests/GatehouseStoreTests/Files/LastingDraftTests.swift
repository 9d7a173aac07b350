import GatehouseCore
import NIOCore
import Testing

@testable import GatehouseStore

/// Drafts that outlive the process that began them.
@Suite struct LastingDraftTests {
    @Test func oneIsGoneOnWithLater() async throws {
        try await FileBench.with { bench async throws in
            do {
                let draft = try await bench.store.begin(owner: "ann", atMost: 20, under: "one")
                try await draft.write(ByteBuffer(string: "hello, "))
                try await draft.save()
            }
            let later = try bench.reopened()
            var read = ""
            let draft = try await later.resume(owner: "ann", atMost: 20, under: "one") { bytes in
                read += String(buffer: bytes)
            }
            #expect(read == "hello, " && draft.size == 7)
            try await draft.write(ByteBuffer(string: "file"))
            let kept = try await draft.keep(bench.record("a.txt"), isUnique: false)
            // sha256sum says so, of both halves.
            #expect(
                kept.digest == "4444d0751827a9f4783eba8fcbc44f20225d068050b48310850b702b4cfbebdd" && kept.size == 11)
            let again = { _ = try await later.resume(owner: "ann", atMost: 20, under: "one") { _ in } }
            #expect(await code(of: again) == .fileNotFound)
        }
    }

    @Test func whatIsGivenUpIsGone() async throws {
        try await FileBench.with { bench async throws in
            let draft = try await bench.store.begin(owner: "ann", atMost: 20, under: "one")
            let second = { _ = try await bench.store.begin(owner: "ann", atMost: 20, under: "one") }
            #expect(await code(of: second) == .storageUnavailable, "a name is one draft's")
            await draft.discard()
            let again = { _ = try await bench.store.resume(owner: "ann", atMost: 20, under: "one") { _ in } }
            #expect(await code(of: again) == .fileNotFound)
        }
    }

    @Test func rowsOfUploadsAreTheirOwners() async throws {
        let directory = try TemporaryDirectory()
        let database = try SQLiteDatabase(path: directory.path + "/a.db")
        let store = SQLiteUploadStore(database: database)
        var record = UploadRecord(id: "one", owner: "ann", name: "a.txt", length: 5, purpose: "user_data", used: 10)
        (record.session, record.declaredType) = ("s", "text/plain")
        try await store.begin(record, atMost: 1)
        #expect(try await store.find("one", owner: "ann") == record)
        #expect(try await store.find("one", owner: "bob") == nil)
        let second = UploadRecord(id: "two", owner: "ann", name: "b", length: 0, purpose: "p", used: 30)
        #expect(await code(of: { try await store.begin(second, atMost: 1) }) == .fileQuotaExceeded)
        // One that is whole is not on its way any more.
        (record.file, record.used) = ("file-1", 20)
        try await store.keep(record)
        #expect(try await store.find("one", owner: "ann") == record)
        try await store.begin(second, atMost: 1)
        #expect(try await store.forgotten(since: 20) == ["one"])
        try await store.delete("one")
        #expect(try await store.find("one", owner: "ann") == nil)
        try database.close()
    }
}
