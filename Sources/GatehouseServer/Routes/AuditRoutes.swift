import GatehouseCore
import GatehouseEngine
import Hummingbird

/// Who changed what, and who may do what.
enum AuditRoutes {
    static func add(to routes: ControlRoutes, _ keys: KeyService) {
        routes.add(.get, "/admin/api/audit", .admin) { request, _ async throws(GatehouseError) in
            let before = try request.uri.queryParameters["before"].map { text throws(GatehouseError) in
                guard let number = Int(text), number > 0 else { throw JSONFields.invalid("before", "must be a number") }
                return number
            }
            let entries = try await keys.registry.audit(
                before: before, atMost: try FileRoutes.limit(request, most: 1000))
            return OperationsRoutes.json(JSONValue.object(["audit": .array(entries.map(\.document))]).text)
        }
        let table = routes.table
        routes.add(.get, "/admin/api/routes", .admin) { _, _ throws(GatehouseError) in
            let rows = table.all.map { row in Self.row(row.method.rawValue, row.path, row.access) }
            let calls = DataPlaneRoutes.paths.map { Self.row("POST", $0, .member) }
            return OperationsRoutes.json(JSONValue.object(["routes": .array(calls + rows)]).text)
        }
    }

    private static func row(_ method: String, _ path: String, _ access: Access) -> JSONValue {
        .object(["method": .string(method), "path": .string(path), "access": .string(access.rawValue)])
    }
}
