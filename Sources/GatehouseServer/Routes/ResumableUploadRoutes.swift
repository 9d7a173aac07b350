import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore

/// `/api/uploads`: uploads that survive broken connections, by the protocol tus 1.0.0 (tus.io/protocols/resumable-upload)
/// with its extensions creation, termination and expiration.
enum ResumableUploadRoutes {
    private static let root = "/api/uploads"
    private static let version = "1.0.0"
    private static let contentType = "application/offset+octet-stream"

    static func add(to routes: ControlRoutes, _ uploads: ResumableUploads?) {
        routes.add(.options, root, .open) { _, _ throws(GatehouseError) in
            let size = uploads.map { String($0.maximumSize) } ?? "0"
            return respond(
                .noContent,
                ["tus-version": version, "tus-extension": "creation,termination,expiration", "tus-max-size": size])
        }
        routes.add(.post, root, .member, .upload) { request, caller async throws(GatehouseError) in
            let (uploads, owner) = try needed(uploads, caller, request)
            return try await create(request, uploads, owner)
        }
        routes.add(.head, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (uploads, owner) = try needed(uploads, caller, request)
            return try await state(try await find(request, uploads, owner), uploads, .ok)
        }
        routes.add(.patch, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (uploads, owner) = try needed(uploads, caller, request)
            return try await append(request, try await find(request, uploads, owner), uploads)
        }
        routes.add(.delete, root + "/:id", .member) { request, caller async throws(GatehouseError) in
            let (uploads, owner) = try needed(uploads, caller, request)
            try await uploads.remove(try await find(request, uploads, owner))
            return respond(.noContent, [:])
        }
    }

    private static func needed(
        _ uploads: ResumableUploads?, _ caller: ControlRoutes.Caller?, _ request: Request
    ) throws(GatehouseError) -> (ResumableUploads, owner: String) {
        guard let uploads, let caller else { throw FileRoutes.unknown }
        guard header("tus-resumable", request) == version else {
            throw GatehouseError(
                .invalidValue, "The header Tus-Resumable must be \(version).", param: "tus-resumable")
        }
        return (uploads, caller.principal.name)
    }

    private static func find(
        _ request: Request, _ uploads: ResumableUploads, _ owner: String
    ) async throws(GatehouseError) -> ResumableUpload {
        guard let upload = try await uploads.find(FileRoutes.id(request), owner: owner) else {
            throw GatehouseError(.fileNotFound, "There is no such upload, or no more. Begin another.")
        }
        return upload
    }

    // MARK: Steps

    private static func create(
        _ request: Request, _ uploads: ResumableUploads, _ owner: String
    ) async throws(GatehouseError) -> Response {
        let length = try number("upload-length", request)
        let metadata = try metadata(header("upload-metadata", request) ?? "")
        guard let name = metadata["filename"] else {
            throw GatehouseError(
                .missingField, "The header Upload-Metadata must have a filename, in Base64.", param: "upload-metadata")
        }
        let session = metadata["session_id"] ?? header("x-session-id", request) ?? "default"
        let plan = UploadPlan(
            owner: owner, session: try FileRoutes.session(session), name: name, declaredType: metadata["filetype"],
            length: length)
        let upload = try await uploads.begin(plan, length: length, purpose: metadata["purpose"] ?? "user_data")
        // An empty file is whole as it is.
        if length == 0 {
            try await upload.resume(at: 0)
            try await upload.pause()
        }
        var response = try await state(upload, uploads, .created)
        response.headers[.location] = "\(root)/\(upload.id)"
        return response
    }

    private static func append(
        _ request: Request, _ upload: ResumableUpload, _ uploads: ResumableUploads
    ) async throws(GatehouseError) -> Response {
        guard request.headers[.contentType]?.lowercased() == contentType else {
            throw GatehouseError(
                .unsupportedMediaType, "The body must be \(contentType).", param: "content-type")
        }
        try await upload.resume(at: try number("upload-offset", request))
        do {
            for try await bytes in request.body { try await upload.take(bytes) }
        } catch {
            // What has come is here; the caller asks how far, and goes on from there.
            try await upload.pause()
            throw error as? GatehouseError ?? GatehouseError(.badRequestFraming, "The body broke off.")
        }
        try await upload.pause()
        return try await state(upload, uploads, .noContent)
    }

    private static func state(
        _ upload: ResumableUpload, _ uploads: ResumableUploads, _ status: HTTPResponse.Status
    ) async throws(GatehouseError) -> Response {
        var headers = [
            "upload-offset": String(await upload.offset), "upload-length": String(upload.length),
            "upload-expires": HTTPDate.format(uploads.end()),
        ]
        if let file = await upload.file { headers["x-gatehouse-file"] = file }
        return respond(status, headers)
    }

    // MARK: Headers

    private static func respond(_ status: HTTPResponse.Status, _ fields: [String: String]) -> Response {
        var headers = HTTPFields()
        for (name, value) in fields.merging(["tus-resumable": version], uniquingKeysWith: { $1 }) {
            if let name = HTTPField.Name(name) { headers[name] = value }
        }
        headers[.cacheControl] = "no-store"
        return Response(status: status, headers: headers)
    }

    private static func header(_ name: String, _ request: Request) -> String? {
        HTTPField.Name(name).flatMap { request.headers[$0] }
    }

    private static func number(_ name: String, _ request: Request) throws(GatehouseError) -> Int {
        guard let text = header(name, request), let number = Int(text), number >= 0,
            text.utf8.allSatisfy({ (48...57).contains($0) })
        else {
            throw GatehouseError(.invalidValue, "The header \(name) must be a number of bytes.", param: name)
        }
        return number
    }

    /// `key base64,key base64`; a key without a value is an empty one.
    private static func metadata(_ text: String) throws(GatehouseError) -> [String: String] {
        var pairs: [String: String] = [:]
        for pair in text.split(separator: ",") {
            let words = pair.split(separator: " ")
            guard let key = words.first, words.count <= 2,
                let bytes = Base64Text.decoded(words.count == 2 ? String(words[1]) : ""),
                let value = String(validating: bytes, as: UTF8.self)
            else {
                throw GatehouseError(
                    .invalidValue, "The header Upload-Metadata must be pairs of a key and Base64.",
                    param: "upload-metadata")
            }
            pairs[String(key)] = value
        }
        return pairs
    }
}
