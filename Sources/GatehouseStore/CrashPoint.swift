import Glibc

/// Moments at which a test may end the process as a loss of power would: between two steps that must survive it.
enum CrashPoint {
    private static let wanted: String? = getenv("GATEHOUSE_CRASH_AT").map { String(cString: $0) }

    /// Ends the process with SIGKILL where this is the point that `GATEHOUSE_CRASH_AT` names.
    static func reached(_ name: String) {
        guard wanted == name else { return }
        kill(getpid(), SIGKILL)
    }
}
