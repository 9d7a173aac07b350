import GatehouseCore
import GatehouseEngine
import Glibc
import HTTPTypes
import Hummingbird

/// `/admin/api/keys`: keys that are made, changed and revoked while the gateway runs.
enum KeyRoutes {
    private static let root = "/admin/api/keys"
    private static let maximumBody = 256 << 10

    static func add(to routes: ControlRoutes, _ keys: KeyService) {
        routes.add(.post, root, .admin) { request, caller async throws(GatehouseError) in
            try await create(request, try author(caller), keys)
        }
        routes.add(.get, root, .admin) { request, _ async throws(GatehouseError) in
            let now = Glibc.time(nil)
            let found = try await keys.registry.keys(try query(request))
            return OperationsRoutes.json(
                JSONValue.object(["keys": .array(found.map { .object(KeyDocument.members($0, at: now)) })]).text)
        }
        routes.add(.get, root + "/:id", .admin) { request, _ async throws(GatehouseError) in
            try shown(await keys.registry.key(id(request)))
        }
        routes.add(.patch, root + "/:id", .admin) { request, caller async throws(GatehouseError) in
            let author = try author(caller)
            let document = try await ControlBody.object(request, atMost: maximumBody, known: KeyDocument.settings)
            let id = id(request)
            return try shown(
                await keys.change { registry async throws(GatehouseError) in
                    try await registry.change(id, by: author) { record throws(GatehouseError) in
                        var key = record.key
                        try KeyDocument.apply(document, to: &key)
                        return key
                    }
                })
        }
        routes.add(.delete, root + "/:id", .admin) { request, caller async throws(GatehouseError) in
            let author = try author(caller)
            let id = id(request)
            return try shown(
                await keys.change { registry async throws(GatehouseError) in try await registry.revoke(id, by: author) }
            )
        }
    }

    /// The one answer that holds the token.
    private static func create(
        _ request: Request, _ author: Author, _ keys: KeyService
    ) async throws(GatehouseError) -> Response {
        let document = try await ControlBody.object(
            request, atMost: maximumBody, known: ["name"] + KeyDocument.settings + KeyDocument.membership)
        let key = try KeyDocument.draft(document)
        let (record, token) = try await keys.change { registry async throws(GatehouseError) in
            try await registry.create(key, by: author)
        }
        let members = KeyDocument.members(record, at: Glibc.time(nil))
        return OperationsRoutes.json(
            JSONValue.object(members + [.init("key", .string(token.reveal()))]).text, status: .created)
    }

    private static func query(_ request: Request) throws(GatehouseError) -> KeyQuery {
        let parameters = request.uri.queryParameters
        var query = KeyQuery()
        query.member = parameters["member"].map { String($0) }
        query.tag = parameters["tag"].map { String($0) }
        query.prefix = parameters["prefix"].map { String($0) }
        query.after = parameters["after"].map { String($0) } ?? ""
        query.includesRevoked = parameters["revoked"] == "true"
        query.limit = try FileRoutes.limit(request, most: 1000)
        return query
    }

    private static func shown(_ record: KeyRecord?) throws(GatehouseError) -> Response {
        guard let record else {
            throw GatehouseError(
                .notFound, "There is no such key, or it was revoked. GET \(root) lists those there are.")
        }
        return OperationsRoutes.json(JSONValue.object(KeyDocument.members(record, at: Glibc.time(nil))).text)
    }

    /// What a path below `/admin/api/keys` and its like names.
    static func id(_ request: Request) -> String {
        let parts = request.uri.path.split(separator: "/")
        return parts.count > 3 ? PercentEncoding.decoded(parts[3]) ?? "" : ""
    }

    /// Who changes something.
    static func author(_ caller: ControlRoutes.Caller?) throws(GatehouseError) -> Author {
        guard let caller else { throw .unknownKey }
        return Author(
            name: caller.principal.name, address: caller.address.map(\.description), principal: caller.principal)
    }
}

/// `GET /api/key`: what a caller's own key is and may do.
enum OwnKeyRoutes {
    static func add(to routes: ControlRoutes) {
        routes.add(.get, "/api/key", .member) { _, caller throws(GatehouseError) in
            guard let key = caller?.principal.key else { throw .unknownKey }
            let name: [JSONValue.Member] = [
                .init("id", key.id.map { .string($0) } ?? .null), .init("name", .string(key.name)),
            ]
            return OperationsRoutes.json(
                JSONValue.object(name + KeyDocument.settings(of: key) + KeyDocument.membership(of: key)).text)
        }
    }
}
