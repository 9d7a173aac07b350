import Glibc

/// How many more files this process may open.
///
/// Pipes of which one cannot be made end the process in the library that makes them: whether there is room is found out
/// before.
enum DescriptorRoom {
    /// What must be free when a run begins: its own pipes and handles, and those of others that begin at the same moment.
    static let forRun = 64

    /// Whether so many files could be opened now. They are, for a moment.
    static func has(_ count: Int) -> Bool {
        var taken: [CInt] = []
        taken.reserveCapacity(count)
        defer { for one in taken { close(one) } }
        let first = open("/dev/null", O_RDONLY | O_CLOEXEC)
        guard first >= 0 else { return false }
        taken.append(first)
        while taken.count < count {
            let next = fcntl(first, F_DUPFD_CLOEXEC, 0)
            guard next >= 0 else { return false }
            taken.append(next)
        }
        return true
    }
}
