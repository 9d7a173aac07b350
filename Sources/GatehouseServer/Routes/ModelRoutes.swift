import GatehouseCore
import GatehouseEngine
import Hummingbird
import NIOCore

/// `GET /v1/models` in OpenAI's shape: the names that this key may ask for.
enum ModelRoutes {
    static func add(to routes: ControlRoutes) {
        routes.add(.get, "/v1/models", .member) { _, caller throws(GatehouseError) in
            guard let caller else { return OperationsRoutes.json("{}") }
            var writer = JSONWriter()
            writer.beginObject()
            writer.key("object")
            writer.string("list")
            writer.key("data")
            writer.beginArray()
            for name in caller.snapshot.modelNames where caller.principal.mayUse(model: name) {
                write(name, caller.snapshot, to: &writer)
            }
            writer.endArray()
            writer.endObject()
            return OperationsRoutes.json(String(buffer: writer.buffer))
        }
        routes.add(.get, "/v1/models/**", .member) { request, caller throws(GatehouseError) in
            let name = PercentEncoding.decoded(request.uri.path.dropFirst("/v1/models/".count))
            guard let caller, let name, caller.principal.mayUse(model: name) else {
                throw GatehouseError(.modelNotFound, "There is no such model here.", param: "model")
            }
            _ = try caller.snapshot.route(name)
            var writer = JSONWriter()
            write(name, caller.snapshot, to: &writer)
            return OperationsRoutes.json(String(buffer: writer.buffer))
        }
    }

    private static func write(_ name: String, _ snapshot: RoutingSnapshot, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("id")
        writer.string(name)
        writer.key("object")
        writer.string("model")
        writer.key("created")
        writer.int(snapshot.created)
        writer.key("owned_by")
        writer.string(name.split(separator: "/").first.map(String.init) ?? name)
        writer.endObject()
    }
}
