import GatehouseCore

/// What it means that a warm process ended without being told to.
enum DriverExit {
    static func failure(_ exit: AgentExit) -> Failure {
        guard exit.status != .exited(0) else {
            return Failure(.truncated, detail: "its process ended without an answer")
        }
        if case .failure(let failure) = AgentVerdict().settle(exit) { return failure }
        return Failure(.failed, detail: "its process ended")
    }
}
