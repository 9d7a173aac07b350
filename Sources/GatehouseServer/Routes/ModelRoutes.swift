import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore

/// `GET /v1/models`: the names that this key may ask for, in the shape of whoever asks: Gemini's with `x-goog-api-key` or
/// below `/v1beta`, Anthropic's with `anthropic-version`, else OpenAI's.
enum ModelRoutes {
    static func add(to routes: ControlRoutes) {
        let catalog = ModelCatalog()
        for root in ["/v1/models", "/v1beta/models"] {
            routes.add(.get, root, .member) { request, caller async throws(GatehouseError) in
                guard let caller else { return OperationsRoutes.json("{}") }
                let names = await catalog.names(caller.snapshot).filter { caller.principal.mayUse(model: $0) }
                return json(list(names, caller.snapshot, CallerShape.of(request)))
            }
            routes.add(.get, root + "/**", .member) { request, caller throws(GatehouseError) in
                let name = PercentEncoding.decoded(request.uri.path.dropFirst(root.count + 1))
                guard let caller, let name, caller.principal.mayUse(model: name) else {
                    throw GatehouseError(.modelNotFound, "There is no such model here.", param: "model")
                }
                try caller.snapshot.check(name)
                return json(model(name, caller.snapshot, CallerShape.of(request)))
            }
        }
    }

    private static func json(_ value: JSONValue) -> Response { OperationsRoutes.json(value.text) }

    private static func list(_ names: [String], _ snapshot: RoutingSnapshot, _ shape: Dialect) -> JSONValue {
        let models = JSONValue.array(names.map { model($0, snapshot, shape) })
        return switch shape {
        case .gemini: .object(["models": models])
        case .anthropic:
            .object([
                "data": models, "has_more": .bool(false), "first_id": names.first.map { .string($0) } ?? .null,
                "last_id": names.last.map { .string($0) } ?? .null,
            ])
        default: .object(["object": .string("list"), "data": models])
        }
    }

    private static func model(_ name: String, _ snapshot: RoutingSnapshot, _ shape: Dialect) -> JSONValue {
        switch shape {
        case .gemini:
            .object([
                "name": .string("models/" + name), "displayName": .string(name), "version": .string("1"),
                "supportedGenerationMethods": .array([.string("generateContent"), .string("countTokens")]),
            ])
        case .anthropic:
            .object([
                "type": .string("model"), "id": .string(name), "display_name": .string(name),
                "created_at": .string(Timestamp.rfc3339(seconds: snapshot.created, milliseconds: 0)),
            ])
        default:
            .object([
                "id": .string(name), "object": .string("model"), "created": .int(snapshot.created),
                "owned_by": .string(name.split(separator: "/").first.map(String.init) ?? name),
            ])
        }
    }
}
