import Glibc
import Testing

@testable import GatehouseEngine

@Suite struct ObservabilityLogFileTests {
    /// A directory of one test, gone with it.
    final class Directory {
        let path: String

        init() throws {
            let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
            var template = Array("\(parent)/gatehouse-test-XXXXXX".utf8CString)
            path = String(cString: try #require(mkdtemp(&template)))
        }

        deinit {
            for name in names { unlink("\(path)/\(name)") }
            rmdir(path)
        }

        var names: [String] {
            guard let directory = opendir(path) else { return [] }
            defer { closedir(directory) }
            var names: [String] = []
            while let entry = readdir(directory) {
                let bytes = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
                let name = String(decoding: bytes, as: UTF8.self)
                if name != ".", name != ".." { names.append(name) }
            }
            return names.sorted()
        }

        func read(_ name: String) -> String? {
            guard let file = fopen("\(path)/\(name)", "r") else { return nil }
            defer { fclose(file) }
            var bytes: [UInt8] = []
            while case let byte = getc(file), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func appends() throws {
        let directory = try Directory()
        let path = directory.path + "/log"
        #expect(try LogFile(path: path, maxSize: 1000, keep: 2).write(bytes("a\n")))
        #expect(try LogFile(path: path, maxSize: 1000, keep: 2).write(bytes("b\n")))
        #expect(directory.read("log") == "a\nb\n")
        var status = stat()
        #expect(stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
    }

    @Test func isPutAsideBetweenLinesAndOldOnesGo() throws {
        let directory = try Directory()
        let file = try LogFile(path: directory.path + "/log", maxSize: 10, keep: 2)
        for name in ["aaaa", "bbbb", "cccc", "dddd", "eeee", "ffff", "gggg"] { #expect(file.write(bytes(name + "\n"))) }
        #expect(directory.names == ["log", "log.1", "log.2"])
        #expect(directory.read("log") == "gggg\n")
        #expect(directory.read("log.1") == "eeee\nffff\n")
        #expect(directory.read("log.2") == "cccc\ndddd\n")
    }

    @Test func splitsABatchBetweenLines() throws {
        let directory = try Directory()
        let file = try LogFile(path: directory.path + "/log", maxSize: 10, keep: 5)
        #expect(file.write(bytes("aaaa\nbbbb\ncccc\ndddd\neeee\n")))
        #expect(directory.read("log.2") == "aaaa\nbbbb\n")
        #expect(directory.read("log.1") == "cccc\ndddd\n")
        #expect(directory.read("log") == "eeee\n")
    }

    @Test func aLineThatIsTooLongHasAFileOfItsOwn() throws {
        let directory = try Directory()
        let file = try LogFile(path: directory.path + "/log", maxSize: 4, keep: 5)
        #expect(file.write(bytes("a\nbbbbbbbbbb\nc\n")))
        #expect(directory.read("log.2") == "a\n")
        #expect(directory.read("log.1") == "bbbbbbbbbb\n")
        #expect(directory.read("log") == "c\n")
    }

    @Test func countsWhatIsThereAlready() throws {
        let directory = try Directory()
        let path = directory.path + "/log"
        #expect(try LogFile(path: path, maxSize: 10, keep: 1).write(bytes("aaaaaaa\n")))
        #expect(try LogFile(path: path, maxSize: 10, keep: 1).write(bytes("bbb\n")))
        #expect(directory.read("log.1") == "aaaaaaa\n")
        #expect(directory.read("log") == "bbb\n")
    }

    @Test func followsWhoMovesItAway() throws {
        let directory = try Directory()
        let file = try LogFile(path: directory.path + "/log", maxSize: 1000, keep: 1)
        #expect(file.write(bytes("a\n")))
        rename(directory.path + "/log", directory.path + "/moved")
        #expect(file.write(bytes("b\n")))
        file.reopen()
        #expect(file.write(bytes("c\n")))
        #expect(directory.read("moved") == "a\nb\n")
        #expect(directory.read("log") == "c\n")
    }

    @Test func neverMovesADevice() throws {
        let directory = try Directory()
        let path = directory.path + "/log"
        symlink("/dev/null", path)
        let file = try LogFile(path: path, maxSize: 4, keep: 2)
        #expect(file.write(bytes("aaaa\nbbbb\ncccc\n")))
        #expect(directory.names == ["log"])
    }

    @Test func tellsThatALineIsLost() throws {
        let full = try LogFile(path: "/dev/full", maxSize: 100, keep: 1)
        #expect(!full.write(bytes("a\n")))
    }

    @Test func tellsThatItCannotBeOpened() {
        #expect(throws: LogFile.Problem(path: "/nonexistent/log", number: ENOENT)) {
            try LogFile(path: "/nonexistent/log", maxSize: 100, keep: 1)
        }
    }
}
