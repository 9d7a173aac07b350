import GatehouseCore
import Glibc

/// Small files that are the same in every sandbox: what covers configuration, and the users that there are.
struct SandboxFiles: Sendable, Equatable {
    let directory: String

    var emptyFile: String { directory + "/empty" }
    var emptyObject: String { directory + "/empty.json" }
    var emptyFolder: String { directory + "/nothing" }
    var users: String { directory + "/passwd" }
    var groups: String { directory + "/group" }

    /// Writes them below the directory of runs, anew at each start.
    ///
    /// - Throws: `Failure` `.spawn` when the disk refuses.
    init(below base: String) throws(Failure) {
        directory = base + "/.sandbox"
        for folder in [directory, directory + "/nothing"] where mkdir(folder, 0o755) != 0 && errno != EEXIST {
            throw Failure(.spawn, detail: "\(folder): errno \(errno)")
        }
        try Self.write("", to: emptyFile)
        try Self.write("{}\n", to: emptyObject)
        try Self.write(
            """
            root:x:0:0::/root:/bin/sh
            agent:x:1000:1000::\(SandboxPlan.home):/bin/sh
            nobody:x:65534:65534::/nonexistent:/bin/false

            """, to: users)
        try Self.write("root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n", to: groups)
    }

    /// What holds the same already is left: a running gateway may be showing it to an agent.
    private static func write(_ text: String, to path: String) throws(Failure) {
        guard !holds(text, path) else { return }
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o644)
        guard file >= 0 else { throw Failure(.spawn, detail: "\(path): errno \(errno)") }
        defer { close(file) }
        let bytes = Array(text.utf8)
        guard Glibc.write(file, bytes, bytes.count) == bytes.count else {
            throw Failure(.spawn, detail: "\(path): errno \(errno)")
        }
    }

    private static func holds(_ text: String, _ path: String) -> Bool {
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { return false }
        defer { close(file) }
        let bytes = Array(text.utf8)
        var found = [UInt8](repeating: 0, count: bytes.count + 1)
        let count = read(file, &found, found.count)
        return count == bytes.count && found.prefix(count).elementsEqual(bytes)
    }
}
