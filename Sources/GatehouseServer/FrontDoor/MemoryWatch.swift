import CShim
import Glibc
import Synchronization

/// Whether this process may take more memory. Near its limit no further calls are taken: one call that is refused is better
/// than the end of all that run.
package final class MemoryWatch: Sendable {
    /// Hundredths of the limit: from here on caches shrink and memory that is free is given back to the system, ...
    private static let high = 85
    /// ... from here on nothing is begun that takes much, ...
    private static let tight = 92
    /// ... and from here on no calls are taken.
    private static let full = 95

    /// Bytes; `nil`: without a limit.
    package let limit: Int?
    /// Hundredths of the limit in use when it was last looked at.
    private let level = Atomic<Int>(0)
    private let shrink: @Sendable () -> Void

    /// - Parameters:
    ///   - configured: `server.limits.memory`; without it the limit is the one that the system has for this process.
    ///   - shrink: Lets caches go of some of what they hold; called again as long as that does not help.
    package init(configured: Int?, shrink: @escaping @Sendable () -> Void = {}) {
        limit = configured ?? Self.systemLimit()
        self.shrink = shrink
    }

    /// The share of the limit in use; 0 without a limit.
    package var share: Double { Double(level.load(ordering: .relaxed)) / 100 }

    /// Nothing should be begun that takes much memory: agents, uploads.
    package var isTight: Bool { level.load(ordering: .relaxed) > Self.tight }

    var isFull: Bool { level.load(ordering: .relaxed) > Self.full }

    /// Looks how much is in use; to be called some times a second.
    package func look() {
        guard let limit, var used = Self.resident() else { return }
        // Rounded up: what is above a mark counts as above it.
        let hundredth = max(1, limit / 100)
        if used > hundredth * Self.high {
            shrink()
            gatehouse_trim_memory()
            used = Self.resident() ?? used
        }
        level.store(used / hundredth + (used % hundredth > 0 ? 1 : 0), ordering: .relaxed)
    }

    private static func resident() -> Int? {
        guard let text = read("/proc/self/statm") else { return nil }
        let fields = text.split(separator: " ")
        guard fields.count > 1, let pages = Int(fields[1]) else { return nil }
        return pages * max(1, sysconf(Int32(_SC_PAGESIZE)))
    }

    // MARK: The limit of the control group

    /// Bytes that the control group of this process allows, of either version; `nil` when it allows all.
    static func systemLimit() -> Int? {
        guard let groups = read("/proc/self/cgroup") else { return nil }
        let limits = groups.split(separator: "\n").flatMap { files(of: $0) }.compactMap { read($0).flatMap(bytes) }
        return limits.min()
    }

    /// Where the limit of a line of `/proc/self/cgroup` stands: `0::/path`, or `4:memory:/path`. In a container the path is
    /// often that of the host, and the group's own files are at the top.
    static func files(of line: Substring) -> [String] {
        let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return [] }
        let path = parts[2] == "/" ? "" : String(parts[2])
        if parts[1].isEmpty {
            return ["/sys/fs/cgroup\(path)/memory.max", "/sys/fs/cgroup/memory.max"]
        }
        guard parts[1].split(separator: ",").contains("memory") else { return [] }
        return ["\(path)/memory.limit_in_bytes", "/memory.limit_in_bytes"].map { "/sys/fs/cgroup/memory" + $0 }
    }

    /// `max`, or what no machine has, is no limit.
    static func bytes(_ text: String) -> Int? {
        guard let count = Int(text.prefix { $0 != "\n" }), count > 0, count < 1 << 50 else { return nil }
        return count
    }

    private static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = buffer.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
        return count > 0 ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }
}
