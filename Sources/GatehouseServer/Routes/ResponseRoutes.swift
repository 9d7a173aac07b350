import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix

/// `/v1/responses/{id}`, as OpenAI's clients call it: responses that are kept, for the key that they were made with. Whatever
/// is another's is as if it did not exist.
enum ResponseRoutes {
    private static let root = "/v1/responses"

    static func add(to routes: ControlRoutes, _ service: ResponseService?) {
        routes.add(.get, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            guard try flag(request, "stream") else {
                return json(try await service.response(FileRoutes.id(request), owner: owner, on: loop))
            }
            return try await follow(request, service, owner)
        }
        routes.add(.get, root + "/:id/input_items", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            return try await items(request, service, owner)
        }
        routes.add(.post, root + "/:id/cancel", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            return json(try await service.cancel(FileRoutes.id(request), owner: owner, on: loop))
        }
        routes.add(.delete, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            let id = FileRoutes.id(request)
            try await service.delete(id, owner: owner, on: loop)
            return json(
                .object(["id": .string(id), "object": .string("response"), "deleted": .bool(true)]))
        }
    }

    private static var loop: any EventLoop { MultiThreadedEventLoopGroup.singleton.any() }

    private static func json(_ value: JSONValue) -> Response { OperationsRoutes.json(value.text) }

    private static func needed(
        _ service: ResponseService?, _ caller: ControlRoutes.Caller?
    ) throws(GatehouseError) -> (ResponseService, owner: String) {
        guard let service, let caller else { throw ResponseService.unknown }
        return (service, caller.principal.name)
    }

    private static func flag(_ request: Request, _ name: String) throws(GatehouseError) -> Bool {
        switch request.uri.queryParameters[name[...]].map({ String($0).lowercased() }) {
        case "true", "1": return true
        case "false", "0", nil: return false
        default: throw GatehouseError(.invalidValue, "The parameter \(name) must be true or false.", param: name)
        }
    }

    /// The events behind the one that the caller had last.
    private static func follow(
        _ request: Request, _ service: ResponseService, _ owner: String
    ) async throws(GatehouseError) -> Response {
        var last = 0
        if let text = request.uri.queryParameters["starting_after"] {
            guard let number = Int(text), (0..<Int.max).contains(number) else {
                throw GatehouseError(
                    .invalidValue, "The parameter starting_after must be the sequence number of an event.",
                    param: "starting_after")
            }
            last = number + 1
        }
        let id = FileRoutes.id(request)
        guard let run = try await service.run(id, owner: owner) else {
            _ = try await service.response(id, owner: owner, on: loop)
            throw GatehouseError(
                .invalidValue, "Only a response in the background can be streamed again.", param: "stream")
        }
        return RunRoutes.follow(run, after: last, isBare: true)
    }

    /// All of them in one page, the newest first unless the caller says otherwise.
    private static func items(
        _ request: Request, _ service: ResponseService, _ owner: String
    ) async throws(GatehouseError) -> Response {
        let asked = try await service.asked(FileRoutes.id(request), owner: owner, on: loop)
        let order = request.uri.queryParameters["order"].map { String($0) } ?? "desc"
        guard order == "asc" || order == "desc" else {
            throw GatehouseError(.invalidValue, "The order must be asc or desc.", param: "order")
        }
        let named = asked.enumerated().map { index, item in item.adding([.init("id", .string("item_\(index)"))]) }
        let items = order == "asc" ? named : named.reversed()
        return json(
            .object([
                "object": .string("list"), "data": .array(items), "first_id": items.first?["id"] ?? .null,
                "last_id": items.last?["id"] ?? .null, "has_more": .bool(false),
            ]))
    }
}
