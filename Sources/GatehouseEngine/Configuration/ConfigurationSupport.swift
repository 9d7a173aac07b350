/// Refuses what the contract knows and this version does not do yet: an operator must not believe that a cache or
/// traces are at work when they are not.
struct ConfigurationSupport {
    let tree: GatehouseConfiguration
    let journal: ConfigurationJournal

    func run() {
        checkSections()
    }

    private func checkSections() {
        let defaults = GatehouseConfiguration()
        if !tree.server.cors.origins.isEmpty {
            refuse("server.cors.origins", "calls from web pages of other origins", "leave it empty")
        }
        if tree.storage.path == nil {
            refuse("storage.url", "\"\(tree.storage.url)\"", "leave it at \(defaults.storage.url)")
        }
        if tree.shared != defaults.shared {
            refuse("shared.url", "\"\(tree.shared.url)\"", "leave it at \(defaults.shared.url)")
        }
        if tree.files.path == nil {
            refuse("files.url", "\"\(tree.files.url)\"", "leave it at \(defaults.files.url)")
        }
        if tree.telemetry.otlp != nil { refuse("telemetry.otlp", "sending traces", "leave it at null") }
    }

    private func refuse(_ path: String, _ what: String, _ instead: String) {
        guard !journal.hasProblem(at: path) else { return }
        journal.report(path, "\(what) is not supported by this version yet; \(instead)")
    }
}
