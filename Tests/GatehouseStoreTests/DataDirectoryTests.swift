import GatehouseCore
import GatehouseStore
import Glibc
import Testing

@Suite struct DataDirectoryTests {
    @Test func makesItForThisUserOnly() throws {
        let directory = try TemporaryDirectory()
        let made = try DataDirectory.prepare("\(directory.path)/a/b/gatehouse")
        #expect(made.path.hasSuffix("/a/b/gatehouse"))
        #expect(directory.mode(of: "a/b/gatehouse") == 0o700)
        #expect(directory.mode(of: "a") == 0o700)
    }

    @Test func takesTheSameOneAgain() throws {
        let directory = try TemporaryDirectory()
        let first = try DataDirectory.prepare("\(directory.path)/data")
        let second = try DataDirectory.prepare("\(directory.path)/data/")
        #expect(first == second)
    }

    @Test(arguments: [0o755, 0o750, 0o701, 0o770, 0o707] as [mode_t])
    func refusesOneThatOthersCanEnter(_ mode: mode_t) throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/data"
        mkdir(path, 0o700)
        chmod(path, mode)
        let expected = StoreError(
            .unsafe, "data directory \(path)",
            "lets group or others in (mode 0\(String(mode, radix: 8))); run chmod 700 on it, or choose another")
        #expect(throws: expected) { try DataDirectory.prepare(path) }
        #expect(throws: expected) { try DataDirectory.inspect(path) }
    }

    @Test func refusesAFile() throws {
        let directory = try TemporaryDirectory()
        directory.write("x", to: "data")
        #expect(throws: StoreError(.unsafe, "data directory \(directory.path)/data", "is not a directory")) {
            try DataDirectory.prepare("\(directory.path)/data")
        }
    }

    @Test func inspectionMakesNothing() throws {
        let directory = try TemporaryDirectory()
        try DataDirectory.inspect("\(directory.path)/data")
        #expect(directory.names.isEmpty)
    }

    @Test(arguments: ["", "a\u{0}b"])
    func refusesWhatIsNoPath(_ path: String) {
        #expect(throws: StoreError.self) { try DataDirectory.prepare(path) }
    }
}

@Suite struct AdminKeyFileTests {
    @Test func isMadeOnceAndReadAgain() throws {
        let directory = try TemporaryDirectory()
        let file = AdminKeyFile(directory: directory.path)
        let before = try file.read()
        #expect(before == nil)
        let first = try file.load()
        #expect(first.isNew)
        #expect(first.key.reveal().hasPrefix("gh-admin-"))
        #expect(first.key.reveal().utf8.count == "gh-admin-".utf8.count + 64)
        #expect(directory.mode(of: "admin.key") == 0o600)
        #expect(directory.names == ["admin.key"])
        let second = try file.load()
        #expect(!second.isNew)
        #expect(second.key == first.key)
    }

    @Test func differsFromGatewayToGateway() throws {
        let first = try TemporaryDirectory()
        let second = try TemporaryDirectory()
        let keys = try [first, second].map { try AdminKeyFile(directory: $0.path).load().key }
        #expect(keys[0] != keys[1])
    }

    @Test(arguments: [0o644, 0o640, 0o604, 0o620] as [mode_t])
    func refusesAModeThatOthersProfitFrom(_ mode: mode_t) throws {
        let directory = try TemporaryDirectory()
        directory.write("gh-admin-" + String(repeating: "a", count: 64), to: "admin.key", mode: mode)
        let expected = StoreError(
            .unsafe, "\(directory.path)/admin.key",
            "lets group or others at it (mode 0\(String(mode, radix: 8))); run chmod 600 on it")
        #expect(throws: expected) { try AdminKeyFile(directory: directory.path).load() }
    }

    @Test(arguments: [
        "", "\n", "short", "gh-admin-0123456789abcdef 0123456789abcdef",
        "gh-admin-0123456789abcdef0123456789abcdef\nand more", String(repeating: "a", count: 513),
    ])
    func refusesAFileWithoutAKey(_ content: String) throws {
        let directory = try TemporaryDirectory()
        directory.write(content, to: "admin.key")
        #expect { try AdminKeyFile(directory: directory.path).load() } throws: { error in
            (error as? StoreError)?.code == .unsafe && !"\(error)".contains("0123456789abcdef")
        }
    }

    @Test func refusesALink() throws {
        let directory = try TemporaryDirectory()
        directory.write("gh-admin-" + String(repeating: "a", count: 64), to: "elsewhere")
        symlink("\(directory.path)/elsewhere", "\(directory.path)/admin.key")
        #expect { try AdminKeyFile(directory: directory.path).load() } throws: { error in
            (error as? StoreError)?.code == .unsafe
        }
    }

    @Test func saysWhyItCannotBeMade() throws {
        let directory = try TemporaryDirectory()
        #expect { try AdminKeyFile(directory: "\(directory.path)/missing").load() } throws: { error in
            (error as? StoreError)?.code == .io
        }
    }
}
