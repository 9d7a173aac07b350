import CShim
import GatehouseCore
import Glibc

/// The private directory of one run: `work` is where the agent starts, `tmp` its temporary files, `home` its home when
/// it gets none of the host's. All are of mode 0700 and gone after the run.
struct RunDirectory: Sendable {
    private static let prefix = "run-"
    let path: String

    var work: String { path + "/work" }
    var temporary: String { path + "/tmp" }
    var home: String { path + "/home" }
    /// What the operator's folder to work in is complemented by.
    var beside: String { path + "/beside" }
    var promptFile: String { path + "/prompt" }
    /// Where the supervisor tells how the run ended.
    var reportFile: String { path + "/report" }
    /// Whether an agent was about to be started.
    var hasJournal: Bool { access(path + "/process", F_OK) == 0 }
    var name: String { String(path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...]) }

    /// - Throws: `Failure` `.spawn` when the disk refuses.
    init(below base: String, id: String) throws(Failure) {
        path = "\(base)/\(Self.prefix)\(id)"
        for directory in [path, work, temporary, home, beside, beside + "/" + FileFolder.name]
        where mkdir(directory, 0o700) != 0 {
            let error = errno
            remove()
            throw Failure(.spawn, detail: "mkdir: errno \(error)")
        }
    }

    /// Where an agent with these settings finds its files.
    func files(_ settings: AgentSettings) -> FileFolder {
        FileFolder(in: settings.directory == nil ? work : beside)
    }

    /// Writes the prompt into a file of mode 0600.
    func writePrompt(_ prompt: String) throws(Failure) {
        let file = open(promptFile, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw Failure(.spawn, detail: "prompt file: errno \(errno)") }
        defer { close(file) }
        var bytes = Array(prompt.utf8)[...]
        while !bytes.isEmpty {
            let count = bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Failure(.spawn, detail: "prompt file: errno \(errno)") }
            bytes = bytes.dropFirst(count)
        }
    }

    /// Removes the directory with all that the agent left in it.
    func remove() {
        _ = gatehouse_remove_tree(path)
    }

    /// Makes `base` if need be.
    ///
    /// The answer must be kept while runs are going on: it holds a lock, so that two gateways on one directory do not
    /// end and remove each other's runs. `nil` when another process holds it.
    ///
    /// - Throws: `Failure` `.spawn` when the directory cannot be made.
    static func lock(base: String) throws(Failure) -> DirectoryLock? {
        if mkdir(base, 0o700) != 0, errno != EEXIST { throw Failure(.spawn, detail: "\(base): errno \(errno)") }
        return try DirectoryLock(base)
    }

    /// Removes what runs of an earlier process left in `base`, and answers how many there were. Their processes must have
    /// been ended.
    ///
    /// - Throws: `Failure` `.spawn` when the directory cannot be read.
    static func sweep(base: String) throws(Failure) -> Int {
        guard let directory = opendir(base) else { throw Failure(.spawn, detail: "\(base): errno \(errno)") }
        defer { closedir(directory) }
        var stale: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasPrefix(prefix) { stale.append(name) }
        }
        for name in stale { _ = gatehouse_remove_tree("\(base)/\(name)") }
        return stale.count
    }
}

/// Files that agents left.
package enum AgentFiles {
    /// Removes a folder with all that is in it; links in it are removed, not followed.
    package static func remove(_ path: String) {
        _ = gatehouse_remove_tree(path)
    }
}

/// An exclusive lock on a directory, held until it is released.
final class DirectoryLock: Sendable {
    private let descriptor: CInt

    /// `nil` when another process has it.
    init?(_ path: String) throws(Failure) {
        let descriptor = open(path + "/.lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Failure(.spawn, detail: "\(path)/.lock: errno \(errno)") }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}
