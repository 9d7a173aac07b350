import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird

/// `/v1/files`, as OpenAI's clients call it (platform.openai.com/docs/api-reference/files).
enum OpenAIFileRoutes {
    private static let root = "/v1/files"
    private static let purposes = ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]

    static func add(to routes: ControlRoutes, _ service: FileService?) {
        routes.add(.post, root, .member, .upload) { request, caller async throws(GatehouseError) in
            let (service, owner) = try FileRoutes.needed(service, caller)
            return try await upload(request, service, owner)
        }
        routes.add(.get, root, .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try FileRoutes.needed(service, caller)
            return try await list(request, service, owner)
        }
        routes.add(.get, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try FileRoutes.needed(service, caller)
            return OperationsRoutes.json(document(try await FileRoutes.record(request, service, owner)).text)
        }
        routes.add(.delete, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try FileRoutes.needed(service, caller)
            let id = FileRoutes.id(request)
            guard try await service.store.delete(id, owner: owner) else { throw FileRoutes.unknown }
            return OperationsRoutes.json(
                JSONValue.object(["id": .string(id), "object": .string("file"), "deleted": .bool(true)]).text)
        }
        FileRoutes.addContent(to: routes, root + "/:id/content", service)
    }

    private static func upload(
        _ request: Request, _ service: FileService, _ owner: String
    ) async throws(GatehouseError) -> Response {
        let fields: Set = ["purpose", "expires_after[anchor]", "expires_after[seconds]"]
        return try await UploadReader(service: service, owner: owner, known: fields).read(request) {
            form async throws(GatehouseError) in
            guard let purpose = form.fields["purpose"] else {
                throw GatehouseError(.missingField, "The field purpose is missing.", param: "purpose")
            }
            guard purposes.contains(purpose) else {
                throw GatehouseError(
                    .invalidValue, "The field purpose must be one of \(purposes.joined(separator: ", ")).",
                    param: "purpose")
            }
            guard let record = try await form.upload?.keep(purpose: purpose, seconds: try seconds(form.fields)) else {
                throw FileRoutes.unknown
            }
            return OperationsRoutes.json(document(record).text)
        }
    }

    /// How long the caller wants the file to be kept. OpenAI takes an hour to thirty days; here `files.ttl` ends it sooner.
    private static func seconds(_ fields: [String: String]) throws(GatehouseError) -> Int? {
        if let anchor = fields["expires_after[anchor]"], anchor != "created_at" {
            throw GatehouseError(
                .invalidValue, "The field expires_after[anchor] must be created_at.", param: "expires_after[anchor]")
        }
        guard let text = fields["expires_after[seconds]"] else { return nil }
        guard let seconds = Int(text), (3600...2_592_000).contains(seconds) else {
            throw GatehouseError(
                .invalidValue, "The field expires_after[seconds] must be from 3600 to 2592000.",
                param: "expires_after[seconds]")
        }
        return seconds
    }

    private static func list(
        _ request: Request, _ service: FileService, _ owner: String
    ) async throws(GatehouseError) -> Response {
        let parameters = request.uri.queryParameters
        let order = parameters["order"].map { String($0) } ?? "desc"
        guard order == "asc" || order == "desc" else {
            throw GatehouseError(.invalidValue, "The order must be asc or desc.", param: "order")
        }
        let limit = try FileRoutes.limit(request, most: 10_000)
        // One more than is shown tells whether there are more.
        let files = try await service.store.list(
            FileQuery(
                owner: owner, purpose: parameters["purpose"].map { String($0) },
                after: parameters["after"].map { String($0) }, limit: limit + 1, isAscending: order == "asc"))
        let page = files.prefix(limit)
        return OperationsRoutes.json(
            JSONValue.object([
                .init("object", .string("list")), .init("data", .array(page.map(document))),
                .init("first_id", page.first.map { .string($0.id) } ?? .null),
                .init("last_id", page.last.map { .string($0.id) } ?? .null),
                .init("has_more", .bool(files.count > limit)),
            ]).text)
    }

    private static func document(_ record: FileRecord) -> JSONValue {
        .object([
            .init("id", .string(record.id)), .init("object", .string("file")), .init("bytes", .int(record.size)),
            .init("created_at", .int(record.created)), .init("expires_at", record.expires.map { .int($0) } ?? .null),
            .init("filename", .string(record.name)), .init("purpose", .string(record.purpose)),
            .init("status", .string("processed")),
        ])
    }
}
