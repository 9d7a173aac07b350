package import GatehouseCore

/// Everything a call needs to know about keys and targets, frozen. A call takes one when it is admitted and keeps it to
/// its end; a reload makes a new one.
package final class RoutingSnapshot: Sendable {
    /// A name that clients may ask for instead of `provider/model`.
    package struct Alias: Sendable {
        package let name: String
        package let upstream: String
        package let model: String

        package init(name: String, upstream: String, model: String) {
            self.name = name
            self.upstream = upstream
            self.model = model
        }
    }

    package let keys: any KeyStore
    private let entries: [String: UpstreamEntry]
    private let aliases: [String: Route]
    /// All names worth listing, in order: aliases, then each target's models.
    package let modelNames: [String]
    /// Seconds since 1970 when this snapshot was made.
    package let created: Int

    package init(keys: any KeyStore, entries: [UpstreamEntry], aliases: [Alias], created: Int) {
        self.keys = keys
        self.created = created
        var byName: [String: UpstreamEntry] = [:]
        for entry in entries { byName[entry.name] = entry }
        self.entries = byName
        var routes: [String: Route] = [:]
        for alias in aliases {
            guard let entry = byName[alias.upstream] else { continue }
            routes[alias.name] = Route(entry: entry, model: alias.model)
        }
        self.aliases = routes
        modelNames =
            aliases.map(\.name)
            + entries.flatMap { entry in
                (entry.hasDefaultModel ? [entry.name] : []) + entry.models.map { "\(entry.name)/\($0)" }
            }
    }

    package var upstreams: [UpstreamEntry] { Array(entries.values) }

    /// Where a model name leads.
    ///
    /// - Throws: `model_not_found`.
    package func route(_ name: String) throws(GatehouseError) -> Route {
        if let route = aliases[name] { return route }
        guard let slash = name.utf8.firstIndex(of: UInt8(ascii: "/")) else {
            if let entry = entries[name], entry.hasDefaultModel { return Route(entry: entry, model: "") }
            throw Self.notFound()
        }
        let model = String(name[name.index(after: slash)...])
        guard let entry = entries[String(name[..<slash])], !model.isEmpty,
            !entry.isClosed || entry.models.contains(model)
        else { throw Self.notFound() }
        return Route(entry: entry, model: model)
    }

    private static func notFound() -> GatehouseError {
        GatehouseError(
            .modelNotFound,
            "There is no such model here. GET /v1/models lists the names; provider/model and agent/model always work.",
            param: "model")
    }
}
