import Glibc

/// How many files this process may have open: each connection is one, and has another to an upstream while it is served.
package enum OpenFiles {
    /// What is kept for everything else: logs, stores, agents' pipes, and the connections beyond the limit (128 at most).
    private static let reserve = 256

    /// Allows as many as this user may allow: the usual limit is for programs that look at all of them, which is not done
    /// here. Gives how many that are.
    package static func raiseLimit() -> Int {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// The connections that can be served with so many files, half of them at a time; never more than were asked for.
    package static func connections(_ wanted: Int, allowed: Int) -> Int {
        min(wanted, max(16, (allowed - reserve) / 3 * 2))
    }

    /// The connections to upstreams that are left beside those of callers.
    package static func upstreams(beside connections: Int, allowed: Int) -> Int {
        max(16, allowed - reserve - connections)
    }
}
