import GatehouseCore
import Glibc
import NIOCore
import Synchronization
import Testing

@testable import GatehouseStore

@Suite struct ArtifactStoreTests {
    private static let limits = DiskArtifactStore.Limits(file: 100, run: 250, count: 4, owner: 400, ttl: 60)
    private static let mine = ArtifactPlace(owner: "ann", session: "s/1")

    /// A store and a folder that an agent works in, in the year 2033.
    private struct Scene {
        let directory: TemporaryDirectory
        let now = Clock()
        let store: DiskArtifactStore
        let work: String

        final class Clock: Sendable {
            let seconds = Atomic(2_000_000_000)
        }

        init(_ limits: DiskArtifactStore.Limits = ArtifactStoreTests.limits) throws {
            directory = try TemporaryDirectory()
            store = DiskArtifactStore(directory: directory.path, limits: limits) { [now] in
                now.seconds.load(ordering: .relaxed)
            }
            work = directory.path + "/work"
            mkdir(work, 0o700)
        }

        func write(_ name: String, _ text: String) {
            var folder = work
            for part in name.split(separator: "/").dropLast() {
                folder += "/\(part)"
                mkdir(folder, 0o700)
            }
            guard let file = fopen("\(work)/\(name)", "w") else { return }
            fputs(text, file)
            fclose(file)
        }

        func collect(_ place: ArtifactPlace = mine, since: FolderSnapshot = FolderSnapshot()) -> ArtifactHarvest {
            store.collect(work, since: since, for: place)
        }

        func text(_ name: String, _ place: ArtifactPlace = mine) async throws -> String? {
            guard let content = store.open(name, in: place) else { return nil }
            return String(buffer: try await content.read(at: 0, count: content.size))
        }
    }

    @Test func keepsFilesOfAnyTypeUnderTheirNames() async throws {
        let scene = try Scene()
        for (name, text) in [("report.pdf", "%PDF"), ("out/data.bin", "\u{1}"), ("Ärger 🌍.txt", "é")] {
            scene.write(name, text)
        }
        let harvest = scene.collect()
        #expect(harvest.kept.map(\.name).sorted() == ["out/data.bin", "report.pdf", "Ärger 🌍.txt"])
        #expect(harvest.refused == 0)
        #expect(scene.store.list(Self.mine).map(\.name) == ["out/data.bin", "report.pdf", "Ärger 🌍.txt"])
        #expect(scene.store.list(Self.mine).map(\.created) == [2_000_000_000, 2_000_000_000, 2_000_000_000])
        #expect(try await scene.text("Ärger 🌍.txt") == "é")
        #expect(try await scene.text("out/data.bin") == "\u{1}")
    }

    @Test func onlyWhatIsNewOrDifferentIsKept() async throws {
        let scene = try Scene()
        scene.write("given.txt", "given")
        scene.write("changed.txt", "before")
        scene.write("same-size.txt", "aaaa")
        let before = scene.store.snapshot(of: scene.work)
        scene.write("changed.txt", "behind it")
        scene.write("same-size.txt", "bbbb")
        scene.write("new.txt", "new")
        #expect(scene.collect(since: before).kept.map(\.name) == ["changed.txt", "new.txt", "same-size.txt"])
        #expect(try await scene.text("given.txt") == nil)
        #expect(try await scene.text("same-size.txt") == "bbbb")
    }

    @Test func aLaterOneReplacesAnEarlierOne() async throws {
        let scene = try Scene()
        scene.write("a.txt", "first")
        _ = scene.collect()
        scene.write("a.txt", "2")
        _ = scene.collect()
        #expect(try await scene.text("a.txt") == "2")
        #expect(scene.store.list(Self.mine).map(\.size) == [1])
    }

    @Test func linksAndSpecialFilesAreLeft() throws {
        let scene = try Scene()
        scene.write("real.txt", "real")
        for (target, name) in [
            ("/etc/passwd", "passwd"), ("real.txt", "inner"), ("/etc", "folder"), ("..", "up"), ("/dev/zero", "zero"),
        ] {
            try #require(symlink(target, "\(scene.work)/\(name)") == 0)
        }
        try #require(mkfifo(scene.work + "/pipe", 0o600) == 0)
        let harvest = scene.collect()
        #expect(harvest.kept.map(\.name) == ["real.txt"])
        #expect(harvest.refused == 6)
    }

    @Test func aWorkingFolderThatIsALinkIsNotLookedInto() throws {
        let scene = try Scene()
        scene.write("x.txt", "x")
        let link = scene.directory.path + "/link"
        try #require(symlink(scene.work, link) == 0)
        #expect(scene.store.collect(link, since: FolderSnapshot(), for: Self.mine).kept.isEmpty)
    }

    @Test func whatIsTooMuchIsNotKept() throws {
        let scene = try Scene()
        scene.write("a-large", String(repeating: "x", count: 101))
        for name in ["b", "c", "d"] { scene.write(name, String(repeating: "x", count: 100)) }
        let first = scene.collect()
        #expect(first.kept.map(\.name) == ["b", "c"], "250 bytes of a run")
        #expect(first.refused == 2)
        let other = ArtifactPlace(owner: "ann", session: "2")
        #expect(scene.collect(other).kept.count == 2)
        #expect(scene.collect(ArtifactPlace(owner: "ann", session: "3")).kept.isEmpty, "400 bytes of an owner")
        #expect(scene.collect(ArtifactPlace(owner: "bob", session: "3")).kept.count == 2)
    }

    @Test func filesAreCounted() throws {
        let scene = try Scene()
        for name in ["1", "2", "3", "4", "5", "6"] { scene.write(name, "x") }
        let harvest = scene.collect()
        #expect(harvest.kept.count == 4 && harvest.refused == 2)
    }

    @Test func anothersAreAsIfTheyDidNotExist() async throws {
        let scene = try Scene()
        scene.write("a.txt", "mine")
        _ = scene.collect()
        for place in [
            ArtifactPlace(owner: "bob", session: "s/1"), ArtifactPlace(owner: "ann", session: "s_1"),
            ArtifactPlace(owner: "ann/s", session: "1"), ArtifactPlace(owner: "ann", session: "../ann/s/1"),
        ] {
            #expect(scene.store.list(place).isEmpty)
            #expect(try await scene.text("a.txt", place) == nil)
        }
    }

    @Test(arguments: [
        "../a.txt", "/a.txt", "./a.txt", "a.txt/", "a.txt\u{0}", "%61.txt", "", ".", "..", ".new", "//a.txt", "a.txt/.",
    ])
    func noOtherNameLeadsToAFile(_ name: String) async throws {
        let scene = try Scene()
        scene.write("a.txt", "mine")
        _ = scene.collect()
        #expect(try await scene.text("a.txt") == "mine")
        #expect(try await scene.text(name) == nil)
    }

    @Test(arguments: [
        (".bashrc", "_bashrc"), ("a/../../b", "a/b"), ("x/.hidden/y", "x/_hidden/y"), ("a\nb\u{202E}c", "a_b_c"),
        ("back\\slash", "back_slash"), ("~root", "_root"), ("plain-1.2_3.tar.gz", "plain-1.2_3.tar.gz"),
    ])
    func namesAreMadeHarmless(_ path: String, _ name: String) {
        #expect(ArtifactName.normalized(path) == name)
        #expect(ArtifactName.decoded(ArtifactName.encoded(name)) == name)
    }

    @Test func whatCannotBeNamedIsNotKept() {
        #expect(ArtifactName.normalized(String(repeating: "x", count: 241)) == nil)
        #expect(ArtifactName.normalized(String(repeating: "d/", count: 9) + "x") == nil)
        #expect(ArtifactName.normalized("/") == nil)
    }

    @Test func theyGoWhenTheirTimeIsOver() async throws {
        let scene = try Scene()
        scene.write("old.txt", "old")
        _ = scene.collect()
        scene.now.seconds.add(59, ordering: .relaxed)
        #expect(scene.store.sweep() == 0)
        #expect(try await scene.text("old.txt") == "old")
        scene.now.seconds.add(1, ordering: .relaxed)
        // Not one second longer, be it that nobody has swept yet.
        #expect(try await scene.text("old.txt") == nil)
        #expect(scene.store.list(Self.mine).isEmpty)
        #expect(scene.store.sweep() == 1)
        let left = opendir(scene.directory.path + "/artifacts").map { directory in
            defer { closedir(directory) }
            var count = 0
            while readdir(directory) != nil { count += 1 }
            return count
        }
        #expect(left == 2, "no folder of an owner is left")
    }

    @Test func oneThatIsBeingReadStaysWhole() async throws {
        let scene = try Scene()
        scene.write("a.txt", "whole")
        _ = scene.collect()
        let content = scene.store.open("a.txt", in: Self.mine)
        scene.write("a.txt", "other")
        _ = scene.collect()
        scene.now.seconds.add(100, ordering: .relaxed)
        _ = scene.store.sweep()
        #expect(try await content?.read(at: 2, count: 100) == ByteBuffer(string: "ole"))
        #expect(try await content?.read(at: 99, count: 1) == ByteBuffer())
    }
}
