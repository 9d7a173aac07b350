import GatehouseCore
import GatehouseEngine
import HTTPTypes
import Hummingbird
import NIOCore

/// What an upload brought besides its file.
struct UploadForm {
    var fields: [String: String] = [:]
    var upload: FileUpload?
}

/// Reads the body of an upload: a form, piece by piece, or a small JSON document with the content in Base64.
struct UploadReader {
    let service: FileService
    let owner: String
    /// Names of the form's fields besides `file`.
    let known: Set<String>

    /// Bytes of all fields of a form, and of a document.
    private static let maximumFields = 16 << 10
    private static let maximumDocument = 24 << 20

    /// Gives the whole form to `body`, and abandons the file where that, or the reading, fails.
    func read(
        _ request: Request, _ body: (inout UploadForm) async throws(GatehouseError) -> Response
    ) async throws(GatehouseError) -> Response {
        var form = UploadForm()
        do throws(GatehouseError) {
            try await read(request, into: &form)
            return try await body(&form)
        } catch {
            await form.upload?.abandon(error.code)
            throw error
        }
    }

    private func read(_ request: Request, into form: inout UploadForm) async throws(GatehouseError) {
        let type = request.headers[.contentType] ?? ""
        if type.lowercased().hasPrefix("application/json") {
            try await readDocument(request, into: &form)
        } else {
            try await readForm(request, MultipartBoundary(contentType: type), into: &form)
        }
        guard form.upload != nil else {
            throw GatehouseError(.missingField, "The field file is missing.", param: "file")
        }
    }

    // MARK: Forms

    private func readForm(
        _ request: Request, _ boundary: MultipartBoundary, into form: inout UploadForm
    ) async throws(GatehouseError) {
        var reader = MultipartReader(boundary: boundary.text)
        var field: (name: String, value: ByteBuffer)?
        let length = request.headers[.contentLength].flatMap { Int($0) }
        do {
            for try await bytes in request.body {
                reader.feed(bytes)
                while let event = try reader.next() { try await take(event, length, &field, &form) }
            }
        } catch let error as GatehouseError {
            throw error
        } catch {
            throw GatehouseError(.badRequestFraming, "The body broke off.")
        }
        try reader.finish()
    }

    private func take(
        _ event: MultipartReader.Event, _ length: Int?, _ field: inout (name: String, value: ByteBuffer)?,
        _ form: inout UploadForm
    ) async throws(GatehouseError) {
        switch event {
        case .part("file", let name?, let type):
            guard form.upload == nil else {
                throw GatehouseError(.badMultipart, "The form has more than one file.", param: "file")
            }
            // The form is a little larger than its file.
            let most = length.map { min($0, service.settings.maximumSize) }
            form.upload = try await service.begin(
                UploadPlan(owner: owner, name: name, declaredType: type, length: most))
        case .part("file", nil, _):
            throw GatehouseError(.badMultipart, "The part file has no filename.", param: "file")
        case .part(let name, _, _):
            guard known.contains(name), form.fields[name] == nil else {
                throw GatehouseError(
                    .unknownParameter, "There is no such field, or there are two of it.", param: String(name.prefix(64))
                )
            }
            field = (name, ByteBuffer())
        case .data(let bytes):
            guard field != nil else {
                try await form.upload?.take(bytes)
                return
            }
            field?.value.writeImmutableBuffer(bytes)
            guard field?.value.readableBytes ?? 0 <= Self.maximumFields else {
                throw GatehouseError(.badMultipart, "A field of the form is too large.", param: field?.name)
            }
        case .partEnd:
            if let done = field { form.fields[done.name] = String(buffer: done.value) }
            field = nil
        case .end: break
        }
    }

    // MARK: Documents

    /// `{"filename", "file"}`, the content in Base64.
    private func readDocument(_ request: Request, into form: inout UploadForm) async throws(GatehouseError) {
        let bytes: ByteBuffer
        do {
            bytes = try await request.body.collect(upTo: Self.maximumDocument)
        } catch {
            throw GatehouseError(
                .fileTooLarge, "The document is larger than \(Self.maximumDocument) bytes. Send a form.", param: "file")
        }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: bytes.readableBytesView)
        } catch {
            throw GatehouseError(.invalidJSON, "The body is not JSON.")
        }
        guard let members = value.object else { throw GatehouseError(.invalidJSON, "The body must be a JSON object.") }
        for member in members where member.key != "file" && member.key != "filename" {
            guard known.contains(member.key), let text = member.value.string else {
                throw GatehouseError(
                    .unknownParameter, "There is no such field, or it is no text.", param: String(member.key.prefix(64))
                )
            }
            form.fields[member.key] = text
        }
        guard let name = value["filename"]?.string else {
            throw GatehouseError(.missingField, "The field filename is missing.", param: "filename")
        }
        guard let text = value["file"]?.string else {
            throw GatehouseError(.missingField, "The field file is missing.", param: "file")
        }
        guard let content = Base64Text.decoded(text) else {
            throw GatehouseError(.invalidValue, "The field file must be Base64.", param: "file")
        }
        let upload = try await service.begin(UploadPlan(owner: owner, name: name, length: content.count))
        form.upload = upload
        try await upload.take(ByteBuffer(bytes: content))
    }
}
