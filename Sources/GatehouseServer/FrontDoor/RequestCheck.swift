import GatehouseCore
import NIOHTTP1

/// The fields of a request's head that the gateway reads, picked in one pass.
struct RequestFields {
    private(set) var host: String?
    private(set) var hosts = 0
    private(set) var contentLength: String?
    private(set) var contentLengths = 0
    private(set) var transferEncoding: String?
    private(set) var transferEncodings = 0
    private(set) var contentEncoding: String?
    private(set) var contentType: String?
    private(set) var authorization: String?
    private(set) var apiKey: String?
    private(set) var requestID: String?
    private(set) var expect: String?
    private(set) var idempotencyKey: String?
    private var idempotencyKeys = 0
    private(set) var session: String?
    private(set) var timeout: String?
    private(set) var cacheWish: String?
    /// `X-Gatehouse-Session`.
    private(set) var sessionWish: String?
    /// `anthropic-beta`, each line as it came.
    private(set) var betas: [String] = []
    /// `x-forwarded-for`, each line as it came.
    private(set) var forwarded: [String] = []

    init(_ headers: HTTPHeaders) {
        for (name, value) in headers {
            switch name.utf8.count {
            case 4 where name.isHeader("host"): (host, hosts) = (value, hosts + 1)
            case 6 where name.isHeader("expect"): expect = value
            case 9 where name.isHeader("x-api-key"): apiKey = apiKey ?? value
            case 14 where name.isHeader("x-goog-api-key"): apiKey = apiKey ?? value
            case 14 where name.isHeader("anthropic-beta"): betas.append(value)
            case 12 where name.isHeader("content-type"): contentType = contentType ?? value
            case 12 where name.isHeader("x-request-id"): requestID = requestID ?? value
            case 12 where name.isHeader("x-session-id"): session = session ?? value
            case 13 where name.isHeader("authorization"): authorization = authorization ?? value
            case 14 where name.isHeader("content-length"):
                (contentLength, contentLengths) = (value, contentLengths + 1)
            case 15 where name.isHeader("x-forwarded-for"): forwarded.append(value)
            case 15 where name.isHeader("idempotency-key"):
                (idempotencyKey, idempotencyKeys) = (value, idempotencyKeys + 1)
            case 16 where name.isHeader("content-encoding"): contentEncoding = value
            case 19 where name.isHeader("x-gatehouse-timeout"): timeout = value
            case 19 where name.isHeader("x-gatehouse-session"): sessionWish = value
            case 17 where name.isHeader("x-gatehouse-cache"): cacheWish = value
            case 17 where name.isHeader("transfer-encoding"):
                (transferEncoding, transferEncodings) = (value, transferEncodings + 1)
            default: break
            }
        }
    }

    /// The caller's name for the request; an empty one is none.
    ///
    /// - Throws: `invalid_value`.
    func checkedIdempotencyKey() throws(GatehouseError) -> String? {
        guard let key = idempotencyKey, idempotencyKeys > 1 || !key.isEmpty else { return nil }
        guard idempotencyKeys == 1, IdempotencyName.keyLength.contains(key.utf8.count),
            key.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else {
            throw GatehouseError(
                .invalidValue, "Idempotency-Key must be one name of 1 to 255 visible characters.",
                param: "idempotency-key")
        }
        return key
    }

    /// Bytes of the body; `nil` where its end tells.
    var bodyLength: Int? { transferEncodings > 0 ? nil : contentLength.map { Int($0) ?? .max } ?? 0 }

    /// The secret a caller shows: `Authorization: Bearer …`, else `x-api-key` or `x-goog-api-key`.
    var token: Substring? {
        guard let authorization else { return apiKey.map { $0[...] } }
        guard authorization.utf8.count > 7,
            authorization.utf8.prefix(7).elementsEqual("Bearer ".utf8, by: Self.sameLetter)
        else { return nil }
        return authorization[authorization.utf8.index(authorization.startIndex, offsetBy: 7)...]
    }

    private static func sameLetter(_ one: UInt8, _ other: UInt8) -> Bool { one | 0x20 == other | 0x20 }
}

/// What must hold of a request's head before anything else looks at it.
enum RequestCheck {
    /// The path that everything behind the front door routes and authorises by.
    static func path(
        of head: HTTPRequestHead, _ fields: RequestFields, maximumURI: Int
    ) throws(GatehouseError) -> Substring {
        let uri = head.uri
        guard uri.utf8.count <= maximumURI else {
            throw GatehouseError(.uriTooLong, "The request target is longer than \(maximumURI) bytes.")
        }
        guard uri.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw GatehouseError(.badRequestFraming, "The request target has characters that must be encoded.")
        }
        try checkFraming(head, fields)
        let host = try host(of: head, fields)
        guard uri.utf8.first == UInt8(ascii: "/") else { return try absolutePath(uri, host: host) }
        let end = uri.utf8.firstIndex { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") } ?? uri.endIndex
        return uri[..<end]
    }

    private static func checkFraming(_ head: HTTPRequestHead, _ fields: RequestFields) throws(GatehouseError) {
        if fields.transferEncodings > 0 {
            guard fields.transferEncodings == 1, fields.transferEncoding?.lowercased() == "chunked",
                fields.contentLengths == 0, head.version == .http1_1
            else { throw GatehouseError(.badRequestFraming, "Transfer-Encoding must be chunked, alone, in HTTP/1.1.") }
        }
        if let length = fields.contentLength {
            guard fields.contentLengths == 1, !length.isEmpty, length.utf8.allSatisfy({ (48...57).contains($0) }) else {
                throw GatehouseError(.badRequestFraming, "Content-Length must be one number.")
            }
        }
        if let coding = fields.contentEncoding, coding.lowercased() != "identity" {
            throw GatehouseError(.unsupportedMediaType, "Compressed request bodies are not taken.")
        }
    }

    /// The one `Host`, checked to be nothing but a host and a port (RFC 9112 §3.2).
    private static func host(of head: HTTPRequestHead, _ fields: RequestFields) throws(GatehouseError) -> String {
        if fields.hosts == 0, head.version.major == 1, head.version.minor == 0 { return "" }
        guard fields.hosts == 1, let host = fields.host, isHost(host) else {
            throw GatehouseError(.badHost, "The request must have exactly one Host, of the form name or name:port.")
        }
        return host
    }

    static func isHost(_ host: String) -> Bool {
        var name = Substring(host)
        if name.utf8.first == UInt8(ascii: "[") {
            guard let close = name.firstIndex(of: "]") else { return false }
            let address = name[name.index(after: name.startIndex)..<close]
            guard !address.isEmpty,
                address.utf8.allSatisfy({ isHex($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            else { return false }
            name = name[name.index(after: close)...]
            guard name.isEmpty || name.hasPrefix(":") else { return false }
            return name.isEmpty || isPort(name.dropFirst())
        }
        if let colon = name.utf8.firstIndex(of: UInt8(ascii: ":")) {
            guard isPort(name[name.index(after: colon)...]) else { return false }
            name = name[..<colon]
        }
        return !name.isEmpty && name.utf8.count <= 255
            && name.utf8.allSatisfy { isHex($0) || isLetterOrMark($0) }
    }

    private static func isPort(_ text: Substring) -> Bool {
        guard let port = UInt16(text), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return false }
        return port > 0
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }

    private static func isLetterOrMark(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "g")...UInt8(ascii: "z"), UInt8(ascii: "G")...UInt8(ascii: "Z"), UInt8(ascii: "-"),
            UInt8(ascii: "."), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    /// The path of `http://host/path`, whose host must be the one of the `Host` header.
    private static func absolutePath(_ uri: String, host: String) throws(GatehouseError) -> Substring {
        for scheme in ["http://", "https://"] where uri.lowercased().hasPrefix(scheme) {
            let rest = uri.dropFirst(scheme.count)
            let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
            guard rest[..<end].lowercased() == host.lowercased(), !host.isEmpty else {
                throw GatehouseError(.badHost, "The host of the request target is not that of the Host header.")
            }
            let path = rest[end...].prefix { $0 != "?" && $0 != "#" }
            return path.isEmpty ? "/" : path
        }
        throw GatehouseError(.badRequestFraming, "The request target must begin with a slash.")
    }
}
