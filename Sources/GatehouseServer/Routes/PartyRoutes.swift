import GatehouseCore
import GatehouseEngine
import Glibc
import HTTPTypes
import Hummingbird

/// `/admin/api/users`, `/admin/api/teams`, `/admin/api/organizations`: whom keys belong to.
enum PartyRoutes {
    private static let maximumBody = 64 << 10

    static func add(to routes: ControlRoutes, _ keys: KeyService) {
        for kind in Party.Kind.allCases { add(kind, to: routes, keys) }
    }

    private static func add(_ kind: Party.Kind, to routes: ControlRoutes, _ keys: KeyService) {
        let plural = kind.rawValue + "s"
        let root = Self.root(kind)
        routes.add(.post, root, .admin) { request, caller async throws(GatehouseError) in
            let author = try KeyRoutes.author(caller)
            let document = try await document(request, kind)
            var party = Party(id: "", kind: kind, name: try KeyDocument.name(document), created: 0)
            try PartyDocument.apply(document, to: &party)
            let draft = party
            let made = try await keys.change { registry async throws(GatehouseError) in
                try await registry.create(draft, by: author)
            }
            return OperationsRoutes.json(JSONValue.object(PartyDocument.members(made)).text, status: .created)
        }
        routes.add(.get, root, .admin) { _, _ async throws(GatehouseError) in
            let found = try await keys.registry.parties(kind)
            let list = JSONValue.array(found.map { .object(PartyDocument.members($0)) })
            return OperationsRoutes.json(JSONValue.object([.init(plural, list)]).text)
        }
        routes.add(.get, root + "/:id", .admin) { request, _ async throws(GatehouseError) in
            try shown(await keys.registry.party(KeyRoutes.id(request), kind), kind)
        }
        routes.add(.patch, root + "/:id", .admin) { request, caller async throws(GatehouseError) in
            let author = try KeyRoutes.author(caller)
            let document = try await document(request, kind)
            let id = KeyRoutes.id(request)
            return try shown(
                await keys.change { registry async throws(GatehouseError) in
                    try await registry.change(id, kind, by: author) { party throws(GatehouseError) in
                        var party = party
                        try PartyDocument.apply(document, to: &party)
                        return party
                    }
                }, kind)
        }
        routes.add(.delete, root + "/:id", .admin) { request, caller async throws(GatehouseError) in
            let author = try KeyRoutes.author(caller)
            let id = KeyRoutes.id(request)
            let ended = try await keys.change { registry async throws(GatehouseError) in
                try await registry.delete(id, kind, by: author)
            }
            guard let ended else { throw unknown(kind) }
            let names = ended.map { JSONValue.string($0.key.name) }
            return OperationsRoutes.json(
                JSONValue.object(["id": .string(id), "deleted": .bool(true), "revoked_keys": .array(names)]).text)
        }
    }

    private static func root(_ kind: Party.Kind) -> String { "/admin/api/\(kind.rawValue)s" }

    private static func document(_ request: Request, _ kind: Party.Kind) async throws(GatehouseError) -> JSONValue {
        try await ControlBody.object(request, atMost: maximumBody, known: ["name"] + PartyDocument.fields(of: kind))
    }

    private static func shown(_ party: Party?, _ kind: Party.Kind) throws(GatehouseError) -> Response {
        guard let party else { throw unknown(kind) }
        return OperationsRoutes.json(JSONValue.object(PartyDocument.members(party)).text)
    }

    private static func unknown(_ kind: Party.Kind) -> GatehouseError {
        GatehouseError(.notFound, "There is no such \(kind.rawValue). GET \(root(kind)) lists those there are.")
    }
}
