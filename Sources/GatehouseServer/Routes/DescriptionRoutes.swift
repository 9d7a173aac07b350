import GatehouseCore
import Hummingbird
import NIOCore
import Synchronization

/// `GET /openapi.json`: what routes there are, and what they take and answer. It tells nothing of this gateway but its
/// version, and needs no key.
enum DescriptionRoutes {
    /// The description, made when it is asked for first: all routes are known by then.
    private final class Text: Sendable {
        private let text = Mutex<String?>(nil)

        func get(_ make: () -> String) -> String {
            text.withLock { text in
                if let text { return text }
                let made = make()
                text = made
                return made
            }
        }
    }

    static func add(to routes: ControlRoutes, version: String) {
        let text = Text()
        let table = routes.table
        routes.add(.get, "/openapi.json", .open) { _, _ throws(GatehouseError) in
            OperationsRoutes.json(text.get { OpenAPIDocument().make(all(table), version: version).text })
        }
    }

    /// The routes of both planes.
    static func all(_ table: RouteTable) -> [OpenAPIDocument.Route] {
        DataPlaneRoutes.paths.map { .init(method: "post", path: $0, isOpen: false) }
            + table.all.map { row in
                .init(method: row.method.rawValue.lowercased(), path: row.path, isOpen: row.access == .open)
            }
    }
}
