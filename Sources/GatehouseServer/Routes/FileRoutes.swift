import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore

/// `/api/upload` and `/api/files`: the files of the key that asks. Whatever is another's is as if it did not exist.
enum FileRoutes {
    private static let root = "/api/files"
    /// The session that the old service's clients mean when they name none.
    private static let defaultSession = "default"
    private static let sessionHeader = HTTPField.Name("x-session-id")

    static func add(to routes: ControlRoutes, _ service: FileService?) {
        routes.add(.post, "/api/upload", .member, .upload) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            return try await upload(request, service, owner)
        }
        routes.add(.get, root, .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            let files = try await service.store.list(query(request, owner))
            return OperationsRoutes.json(JSONValue.object(["files": .array(files.map(document))]).text)
        }
        routes.add(.get, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            return OperationsRoutes.json(document(try await record(request, service, owner)).text)
        }
        routes.add(.delete, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            let id = id(request)
            guard try await service.store.delete(id, owner: owner) else { throw unknown }
            return OperationsRoutes.json(JSONValue.object(["id": .string(id), "deleted": .bool(true)]).text)
        }
        addContent(to: routes, root + "/:id/content", service)
    }

    /// The content of a file, at a path whose third part is its id.
    static func addContent(to routes: ControlRoutes, _ path: String, _ service: FileService?) {
        routes.add(.get, path, .member) { request, caller async throws(GatehouseError) in
            let (service, owner) = try needed(service, caller)
            let record = try await record(request, service, owner)
            guard let content = try await service.store.open(record) else { throw unknown }
            let download = FileDownload(
                name: record.name, type: FileType(mediaType: record.mediaType).contentType, tag: record.digest,
                content: content)
            return try download.response(to: request)
        }
    }

    // MARK: What all routes of files share

    static let unknown = GatehouseError(.fileNotFound, "There is no such file, or no more.")

    static func needed(
        _ service: FileService?, _ caller: ControlRoutes.Caller?
    ) throws(GatehouseError) -> (FileService, owner: String) {
        guard let service, let caller else { throw unknown }
        return (service, caller.principal.name)
    }

    static func record(
        _ request: Request, _ service: FileService, _ owner: String
    ) async throws(GatehouseError) -> FileRecord {
        guard let record = try await service.store.find(id(request), owner: owner) else { throw unknown }
        return record
    }

    /// The third part of the path.
    static func id(_ request: Request) -> String {
        let parts = request.uri.path.split(separator: "/")
        return parts.count > 2 ? PercentEncoding.decoded(parts[2]) ?? "" : ""
    }

    /// - Throws: `invalid_value` for a page of no size, or of too many.
    static func limit(_ request: Request, most: Int) throws(GatehouseError) -> Int {
        guard let text = request.uri.queryParameters["limit"] else { return min(100, most) }
        guard let limit = Int(text), (1...most).contains(limit) else {
            throw GatehouseError(.invalidValue, "The limit must be from 1 to \(most).", param: "limit")
        }
        return limit
    }

    // MARK: The native form

    private static func query(_ request: Request, _ owner: String) throws(GatehouseError) -> FileQuery {
        let parameters = request.uri.queryParameters
        return FileQuery(
            owner: owner, session: parameters["session"].map { String($0) },
            after: parameters["after"].map { String($0) }, limit: try limit(request, most: 1000))
    }

    /// Takes a form with the part `file`, or a document with the content in Base64, as the old service did.
    private static func upload(
        _ request: Request, _ service: FileService, _ owner: String
    ) async throws(GatehouseError) -> Response {
        let reader = UploadReader(service: service, owner: owner, known: ["session_id", "context_mode", "purpose"])
        return try await reader.read(request) { form async throws(GatehouseError) in
            let header = sessionHeader.flatMap { request.headers[$0] }
            let session = try session(header ?? form.fields["session_id"] ?? defaultSession)
            let record = try await form.upload?.keep(
                purpose: form.fields["purpose"] ?? "user_data", session: session, isUnique: true)
            guard let record else { throw unknown }
            return OperationsRoutes.json(reply(record, form.fields["context_mode"]).text, status: .created)
        }
    }

    static func session(_ name: String, param: String = "session_id") throws(GatehouseError) -> String {
        guard (1...256).contains(name.utf8.count),
            name.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0 != "\u{7F}" })
        else {
            throw GatehouseError(
                .invalidValue, "A session is named by 1 to 256 bytes without control characters.", param: param)
        }
        return name
    }

    /// What the old service answered, and what is known besides.
    private static func reply(_ record: FileRecord, _ mode: String?) -> JSONValue {
        let members: [JSONValue.Member] = [
            .init("success", .bool(true)), .init("filename", .string(record.name)),
            // The old service put the text of a document beside it; here it is read when somebody asks for it.
            .init("extracted_txt", .null),
            .init("context_mode", mode.map { .string($0) } ?? .null),
            .init("session_id", record.session.map { .string($0) } ?? .null),
        ]
        return .object(members + (document(record).object ?? []).filter { $0.key != "session" })
    }

    static func document(_ record: FileRecord) -> JSONValue {
        .object([
            .init("id", .string(record.id)), .init("name", .string(record.name)),
            .init("type", .string(record.mediaType)), .init("size", .int(record.size)),
            .init("sha256", .string(record.digest)), .init("purpose", .string(record.purpose)),
            .init("session", record.session.map { .string($0) } ?? .null), .init("created_at", .int(record.created)),
            .init("expires_at", record.expires.map { .int($0) } ?? .null),
        ])
    }
}
