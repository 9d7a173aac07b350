import Glibc

/// The processes of this host, as `/proc` shows them at one moment.
struct ProcessTree {
    private var children: [pid_t: [pid_t]] = [:]
    private var pages: [pid_t: Int] = [:]
    private var stopped: Set<pid_t> = []

    static func now() -> ProcessTree {
        var tree = ProcessTree()
        guard let directory = opendir("/proc") else { return tree }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let pid = pid_t(name), let status = read("/proc/\(name)/stat") { tree.add(pid, status) }
        }
        return tree
    }

    /// What follows the name of the program, which may hold anything: the state, the parent, and, 20 fields behind it, how
    /// many pages are in memory.
    mutating func add(_ pid: pid_t, _ status: String) {
        guard let end = status.lastIndex(of: ")") else { return }
        let fields = status[status.index(after: end)...].split(separator: " ", maxSplits: 23)
        guard fields.count > 21, let parent = pid_t(fields[1]), let count = Int(fields[21]) else { return }
        children[parent, default: []].append(pid)
        pages[pid] = max(0, count)
        if fields[0] == "T" || fields[0] == "t" { stopped.insert(pid) }
    }

    /// A process and all below it.
    private func family(of root: pid_t) -> Set<pid_t> {
        var left = [root]
        var seen: Set<pid_t> = []
        while let pid = left.popLast() {
            if seen.insert(pid).inserted { left += children[pid] ?? [] }
        }
        return seen
    }

    /// Whether one of them was stopped: it will not answer.
    func isStopped(below root: pid_t) -> Bool { !family(of: root).isDisjoint(with: stopped) }

    /// Of a process and all below it. Memory that several share is counted for each.
    func residentBytes(below root: pid_t) -> Int {
        let sum = family(of: root).reduce(0) { $0 + (pages[$1] ?? 0) }
        return sum.multipliedReportingOverflow(by: sysconf(Int32(_SC_PAGESIZE))).partialValue
    }

    private static func read(_ path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = Glibc.read(file, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }
}
