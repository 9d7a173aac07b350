import GatehouseCore
import Glibc
import NIOCore
import Synchronization
import Testing

@testable import GatehouseStore

/// Uploaded files on a real disk and in a real database.
@Suite struct FileStoreTests {
    @Test func aFileIsKeptAndReadAgain() async throws {
        try await FileBench.with { bench async throws in
            let kept = try await bench.keep("hello, file", name: "a.txt")
            #expect(kept.size == 11)
            // sha256sum says so.
            #expect(kept.digest == "4444d0751827a9f4783eba8fcbc44f20225d068050b48310850b702b4cfbebdd")
            #expect(try await bench.store.find(kept.id, owner: "ann") == kept)
            #expect(try await bench.text(kept) == "hello, file")
            // It is there for whoever opens the same database and folder later.
            let again = try bench.reopened()
            #expect(try await again.find(kept.id, owner: "ann") == kept)
        }
    }

    @Test func anothersIsAsIfItDidNotExist() async throws {
        try await FileBench.with { bench async throws in
            let kept = try await bench.keep("secret", bench.record("a.txt", session: "s"))
            #expect(try await bench.store.find(kept.id, owner: "bob") == nil)
            #expect(try await bench.store.find(named: "a.txt", session: "s", owner: "bob") == nil)
            #expect(try await bench.store.list(FileQuery(owner: "bob")).isEmpty)
            #expect(try await bench.store.delete(kept.id, owner: "bob") == false)
            let list = { _ = try await bench.store.list(FileQuery(owner: "bob", after: kept.id)) }
            #expect(await code(of: list) == .fileNotFound)
            #expect(try await bench.text(kept) == "secret")
        }
    }

    @Test func theSameContentIsThereOncePerOwner() async throws {
        try await FileBench.with { bench async throws in
            let one = try await bench.keep("same", name: "one.txt")
            let two = try await bench.keep("same", name: "two.txt")
            #expect(one.digest == two.digest && one.id != two.id)
            #expect(bench.blobCount == 1)
            let other = try await bench.keep("same", name: "one.txt", owner: "bob")
            #expect(bench.blobCount == 2)
            // It goes with the last that has it.
            #expect(try await bench.store.delete(one.id, owner: "ann"))
            #expect(try await bench.text(two) == "same")
            #expect(try await bench.store.delete(two.id, owner: "ann"))
            #expect(bench.blobCount == 1)
            #expect(try await bench.text(other) == "same")
            #expect(try await bench.store.open(two) == nil)
        }
    }

    @Test func whatIsDiscardedLeavesNothing() async throws {
        try await FileBench.with { bench async throws in
            let draft = try await bench.store.begin(owner: "ann", atMost: 100)
            try await draft.write(ByteBuffer(string: "half"))
            await draft.discard()
            #expect(bench.blobCount == 0)
            #expect(bench.store.reservations.sum(of: "ann") == .init())
            #expect(await code { try await draft.write(ByteBuffer(string: "more")) } == .storageUnavailable)
        }
    }

    @Test func namesOfOneSessionAreKeptApart() async throws {
        try await FileBench.with { bench async throws in
            var names: [String] = []
            for content in ["one", "two", "three"] {
                names.append(try await bench.keep(content, bench.record("a.txt", session: "s"), isUnique: true).name)
            }
            #expect(names == ["a.txt", "a-2.txt", "a-3.txt"])
            #expect(try await bench.keep("four", bench.record("a.txt", session: "t"), isUnique: true).name == "a.txt")
            let found = try await bench.store.find(named: "a-2.txt", session: "s", owner: "ann")
            #expect(try await bench.text(#require(found)) == "two")
        }
    }

    @Test func listsArePagedInBothDirections() async throws {
        try await FileBench.with { bench async throws in
            var ids: [String] = []
            for number in 0..<5 {
                bench.now += 1
                ids.append(
                    try await bench.keep("\(number)", bench.record("\(number).txt", purpose: number == 2 ? "x" : "y"))
                        .id)
            }
            func page(_ query: FileQuery) async throws -> [String] { try await bench.store.list(query).map(\.id) }
            #expect(try await page(FileQuery(owner: "ann", limit: 2)) == [ids[4], ids[3]])
            #expect(try await page(FileQuery(owner: "ann", after: ids[3], limit: 2)) == [ids[2], ids[1]])
            #expect(try await page(FileQuery(owner: "ann", after: ids[1], isAscending: true)) == Array(ids[2...]))
            #expect(try await page(FileQuery(owner: "ann", purpose: "x")) == [ids[2]])
        }
    }

    // MARK: Room

    @Test func whatIsPromisedCountsLikeWhatIsKept() async throws {
        try await FileBench.with(quota: FileQuota(bytes: 100, count: 3, floor: 0)) { bench async throws in
            let draft = try await bench.store.begin(owner: "ann", atMost: 60)
            #expect(await code { _ = try await bench.store.begin(owner: "ann", atMost: 41) } == .fileQuotaExceeded)
            _ = try await bench.store.begin(owner: "bob", atMost: 100)
            try await draft.write(ByteBuffer(string: "small"))
            _ = try await draft.keep(bench.record("a.txt"), isUnique: false)
            // What was not needed of the promise is free again.
            let second = try await bench.store.begin(owner: "ann", atMost: 95)
            await second.discard()
            #expect(await code { _ = try await bench.store.begin(owner: "ann", atMost: 96) } == .fileQuotaExceeded)
        }
    }

    @Test func theNumberOfFilesIsBounded() async throws {
        try await FileBench.with(quota: FileQuota(bytes: 1000, count: 2, floor: 0)) { bench async throws in
            let first = try await bench.keep("1", name: "1.txt")
            _ = try await bench.keep("2", name: "2.txt")
            #expect(await code { _ = try await bench.keep("3", name: "3.txt") } == .fileQuotaExceeded)
            #expect(try await bench.store.delete(first.id, owner: "ann"))
            _ = try await bench.keep("3", name: "3.txt")
        }
    }

    @Test func aDiskThatIsNearlyFullTakesNothing() async throws {
        try await FileBench.with(quota: FileQuota(bytes: 1000, count: 2, floor: Int.max / 2)) { bench async throws in
            #expect(await code { _ = try await bench.keep("1", name: "1.txt") } == .insufficientStorage)
            #expect(bench.store.reservations.total == 0)
        }
    }

    // MARK: Time

    @Test func whatHasRunOutIsGoneAtOnceAndSweptLater() async throws {
        try await FileBench.with { bench async throws in
            let short = try await bench.keep("short", bench.record("a.txt", ttl: 10))
            let long = try await bench.keep("long", name: "b.txt")
            bench.now += 10
            #expect(try await bench.store.find(short.id, owner: "ann") == nil)
            #expect(try await bench.store.list(FileQuery(owner: "ann")) == [long])
            #expect(bench.blobCount == 2)
            #expect(try await bench.store.sweep() == .init(expired: 1))
            #expect(bench.blobCount == 1)
            #expect(try await bench.store.sweep() == .init())
        }
    }

    @Test func theSweepMendsWhatACrashLeft() async throws {
        try await FileBench.with { bench async throws in
            let kept = try await bench.keep("kept", name: "a.txt")
            let lost = try await bench.keep("lost", name: "b.txt")
            // A content whose row never came, a draft of a file system that needs names, and a row without its content.
            bench.plant("ab/" + String(repeating: "ab", count: 32))
            bench.plant(".draft-1")
            bench.store.blobs.remove(BlobFolder.name(owner: "ann", digest: lost.digest))
            #expect(try await bench.store.sweep() == .init(lost: 1))
            // What is young may belong to an upload that is on its way.
            bench.now = Int(time(nil)) + 3700
            #expect(try await bench.store.sweep() == .init(orphans: 2))
            #expect(try await bench.text(kept) == "kept")
            #expect(try await bench.store.find(lost.id, owner: "ann") == nil)
        }
    }

    /// The last file with a content is deleted while another with the same is on its way.
    @Test func aContentThatGoesMeanwhileIsPutBack() async throws {
        try await FileBench.with { bench async throws in
            for _ in 0..<20 {
                let first = try await bench.keep("same", name: "a.txt")
                async let second = bench.keep("same", name: "b.txt")
                async let isDeleted = bench.store.delete(first.id, owner: "ann")
                #expect(try await isDeleted)
                let kept = try await second
                #expect(try await bench.text(kept) == "same")
                #expect(try await bench.store.delete(kept.id, owner: "ann"))
                #expect(bench.blobCount == 0)
            }
        }
    }

    @Test func manyAtOnceAreAllKept() async throws {
        try await FileBench.with { bench async throws in
            let kept = try await withThrowingTaskGroup(of: FileRecord.self) { tasks in
                for number in 0..<200 {
                    tasks.addTask { try await bench.keep("content \(number % 50)", name: "\(number).txt") }
                }
                return try await tasks.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(kept.map(\.id)).count == 200)
            #expect(bench.blobCount == 50)
            for file in kept { #expect(try await bench.text(file)?.hasPrefix("content ") == true) }
        }
    }
}
