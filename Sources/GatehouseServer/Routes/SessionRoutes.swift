import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore
import NIOPosix

/// `/api/sessions`: what is kept under the names of sessions, for the key that they belong to. Whatever is another's is as if
/// it did not exist.
enum SessionRoutes {
    private static let root = "/api/sessions"
    private static let maximumBody = 16 << 20

    static func add(to routes: ControlRoutes, _ service: SessionService?, _ files: FileService?) {
        routes.add(.get, root, .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            let last = request.uri.queryParameters["after"].map { String($0) } ?? ""
            let found = try await service.store.list(
                owner: owner, after: last, atMost: try FileRoutes.limit(request, most: 1000))
            return OperationsRoutes.json(
                JSONValue.object(["sessions": .array(found.map { .object(members($0)) })]).text)
        }
        routes.add(.post, root, .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            return try await create(request, service, owner)
        }
        routes.add(.get, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            return try await show(request, service, files, owner)
        }
        routes.add(.post, root + "/:id/fork", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            return try await fork(request, service, owner)
        }
        routes.add(.delete, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            let name = FileRoutes.id(request)
            guard try await service.store.find(name, owner: owner) != nil else { throw SessionService.unknown }
            try await service.delete(name, owner: owner)
            return OperationsRoutes.json(JSONValue.object(["id": .string(name), "deleted": .bool(true)]).text)
        }
    }

    private static func needed(
        _ service: SessionService?, _ caller: ControlRoutes.Caller?
    ) throws(GatehouseError) -> (SessionService, owner: String) {
        guard let service, let caller else { throw SessionService.unknown }
        return (service, caller.principal.name)
    }

    /// A session with a name of ours or the caller's, empty or with a conversation that was had elsewhere.
    private static func create(
        _ request: Request, _ service: SessionService, _ owner: String
    ) async throws(GatehouseError) -> Response {
        let body = try await ControlBody.object(request, atMost: maximumBody, known: ["id", "messages"])
        let messages = try body["messages"].map { value throws(GatehouseError) in try NativeHistory.check(value) } ?? []
        return try await make(try newName(body), messages, service, owner)
    }

    /// Another session that begins with what was said in one: each goes on by itself. An agent is told all of it anew, since
    /// what it remembers belongs to the first.
    private static func fork(
        _ request: Request, _ service: SessionService, _ owner: String
    ) async throws(GatehouseError) -> Response {
        let source = FileRoutes.id(request)
        guard try await service.store.find(source, owner: owner)?.transcriptEnds != nil else {
            throw SessionService.unknown
        }
        let body = try await ControlBody.object(request, atMost: maximumBody, known: ["id", "until"])
        var messages = try await service.messages(
            source, owner: owner, on: MultiThreadedEventLoopGroup.singleton.any())
        if let until = body["until"] {
            guard let count = until.int, (0...messages.count).contains(count) else {
                throw GatehouseError(
                    .invalidValue, "The field until must be a number of messages, up to \(messages.count).",
                    param: "until")
            }
            messages = Array(messages.prefix(count))
        }
        return try await make(try newName(body), messages, service, owner)
    }

    private static func newName(_ body: JSONValue) throws(GatehouseError) -> String {
        guard let given = body["id"] else { return SessionService.makeName() }
        guard let text = given.string else {
            throw GatehouseError(.invalidValue, "The field id must be a string.", param: "id")
        }
        return try FileRoutes.session(text, param: "id")
    }

    private static func make(
        _ name: String, _ messages: [JSONValue], _ service: SessionService, _ owner: String
    ) async throws(GatehouseError) -> Response {
        if try await service.store.find(name, owner: owner)?.transcriptEnds != nil {
            throw GatehouseError(
                .invalidValue, "There is a session of this name already. Delete it first.", param: "id")
        }
        try service.bring(messages, as: name, owner: owner)
        return OperationsRoutes.json(
            JSONValue.object(["id": .string(name), "messages": .array(messages)]).text, status: .created)
    }

    /// The whole session: what `create` takes can be read from it.
    private static func show(
        _ request: Request, _ service: SessionService, _ files: FileService?, _ owner: String
    ) async throws(GatehouseError) -> Response {
        let name = FileRoutes.id(request)
        guard let summary = try await service.store.find(name, owner: owner) else { throw SessionService.unknown }
        let messages = try await service.messages(name, owner: owner, on: MultiThreadedEventLoopGroup.singleton.any())
        var list: [FileRecord] = []
        if let files { list = try await files.store.list(FileQuery(owner: owner, session: name, limit: 1000)) }
        return OperationsRoutes.json(
            JSONValue.object(
                members(summary).filter { $0.key != "files" } + [
                    .init("messages", .array(messages)), .init("files", .array(list.map(FileRoutes.document))),
                ]
            ).text)
    }

    private static func members(_ summary: SessionSummary) -> [JSONValue.Member] {
        [
            .init("id", .string(summary.name)),
            .init("conversation_expires_at", summary.transcriptEnds.map { .int($0) } ?? .null),
            .init("files", .int(summary.files)), .init("bytes", .int(summary.bytes)), .init("runs", .int(summary.runs)),
        ]
    }
}
