import GatehouseCore
import NIOCore
import NIOHTTP1

/// What one key adds to a provider's requests, written out once. A class, as it is handed on for each call and never
/// changes.
final class ProviderHeads: Sendable {
    /// Proves each request, where a header with the key does not suffice.
    let authorizer: (any RequestAuthorizer)?
    /// The header lines of every request.
    let fields: ByteBuffer
    /// Request line and header lines of formats whose path never changes.
    private let heads: [Dialect: ByteBuffer]

    init(
        _ credential: ProviderAccess.Credential, _ access: ProviderAccess, _ row: ProviderRow, _ place: ProviderPlace,
        host: String
    ) {
        authorizer = credential.authorizer
        let fields = Self.fields(credential.key, access, row, host: host)
        self.fields = fields
        var heads: [Dialect: ByteBuffer] = [:]
        for wire in row.wires where !ProviderPath.dependsOnModel(wire, place) {
            heads[wire] = Self.head(
                ProviderPath.of(wire, .generation, place, model: "", stream: false), fields)
        }
        self.heads = heads
    }

    /// Request line and header lines; `nil` where the path is not always the same.
    func head(of wire: Dialect) -> ByteBuffer? { heads[wire] }

    /// Request line and header lines for a path.
    func head(_ path: String) -> ByteBuffer { Self.head(path, fields) }

    private static func head(_ path: String, _ fields: ByteBuffer) -> ByteBuffer {
        var head = ByteBuffer(string: "POST \(path) HTTP/1.1\r\n")
        head.writeImmutableBuffer(fields)
        return head
    }

    private static func fields(
        _ key: Secret?, _ access: ProviderAccess, _ row: ProviderRow, host: String
    ) -> ByteBuffer {
        var headers = HTTPHeaders()
        headers.add(name: "host", value: host)
        headers.add(
            name: "accept",
            value: row.wires.contains(.ollama)
                ? "application/json, text/event-stream, application/x-ndjson" : "application/json, text/event-stream")
        headers.add(name: "user-agent", value: access.userAgent)
        for header in row.headers { headers.add(name: header.name, value: header.value) }
        if let key, !key.isEmpty {
            switch row.authorization {
            case .bearer, .optionalBearer: headers.add(name: "authorization", value: "Bearer " + key.reveal())
            case .header(let name): headers.add(name: name, value: key.reveal())
            case .signature, .serviceAccount: break  // Joins each request, when it goes out.
            }
        }
        for header in access.headers { headers.replaceOrAdd(name: header.name, value: header.value.reveal()) }
        var lines = ByteBuffer()
        for (name, value) in headers { lines.writeString("\(name): \(value)\r\n") }
        return lines
    }
}
