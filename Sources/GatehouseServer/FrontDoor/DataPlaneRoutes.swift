import GatehouseCore

/// The routes of the data plane. Everything else goes on to Hummingbird's router.
enum DataPlaneRoutes {
    static func operation(_ path: Substring) -> GatehouseCore.Operation? {
        switch path {
        case "/v1/chat/completions": .chatCompletions
        case "/v1/completions": .completions
        default: nil
        }
    }
}
