import GatehouseCore
import NIOHTTP1

/// What must hold of a request's head before anything else looks at it.
enum RequestCheck {
    /// The path that everything behind the front door routes and authorises by.
    static func path(of head: HTTPRequestHead, maximumURI: Int) throws(GatehouseError) -> Substring {
        guard head.uri.utf8.count <= maximumURI else {
            throw GatehouseError(.uriTooLong, "The request target is longer than \(maximumURI) bytes.")
        }
        guard head.uri.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw GatehouseError(.badRequestFraming, "The request target has characters that must be encoded.")
        }
        try checkFraming(head)
        let host = try host(of: head)
        guard head.uri.hasPrefix("/") else { return try absolutePath(head.uri, host: host) }
        return head.uri.prefix { $0 != "?" && $0 != "#" }
    }

    private static func checkFraming(_ head: HTTPRequestHead) throws(GatehouseError) {
        let codings = head.headers[canonicalForm: "transfer-encoding"]
        let lengths = head.headers["content-length"]
        guard codings.isEmpty || (codings.count == 1 && codings[0].lowercased() == "chunked" && lengths.isEmpty) else {
            throw GatehouseError(.badRequestFraming, "Transfer-Encoding must be chunked, alone.")
        }
        guard lengths.count <= 1, lengths.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy { (48...57).contains($0) } })
        else { throw GatehouseError(.badRequestFraming, "Content-Length must be one number.") }
        guard codings.isEmpty || head.version == .http1_1 else {
            throw GatehouseError(.badRequestFraming, "Transfer-Encoding needs HTTP/1.1.")
        }
        if let coding = head.headers.first(name: "content-encoding"), coding.lowercased() != "identity" {
            throw GatehouseError(.unsupportedMediaType, "Compressed request bodies are not taken.")
        }
    }

    /// The one `Host`, checked to be nothing but a host and a port (RFC 9112 §3.2).
    private static func host(of head: HTTPRequestHead) throws(GatehouseError) -> String {
        let hosts = head.headers["host"]
        if hosts.isEmpty, head.version.major == 1, head.version.minor == 0 { return "" }
        guard hosts.count == 1, isHost(hosts[0]) else {
            throw GatehouseError(.badHost, "The request must have exactly one Host, of the form name or name:port.")
        }
        return hosts[0]
    }

    static func isHost(_ host: String) -> Bool {
        var name = Substring(host)
        if name.hasPrefix("[") {
            guard let close = name.firstIndex(of: "]") else { return false }
            let address = name[name.index(after: name.startIndex)..<close]
            guard !address.isEmpty, address.utf8.allSatisfy({ isHex($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") })
            else { return false }
            name = name[name.index(after: close)...]
            guard name.isEmpty || name.hasPrefix(":") else { return false }
            return name.isEmpty || isPort(name.dropFirst())
        }
        if let colon = name.firstIndex(of: ":") {
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

    /// The secret a caller shows: `Authorization: Bearer …`, else `x-api-key`.
    static func token(of headers: HTTPHeaders) -> Substring? {
        if let value = headers.first(name: "authorization") {
            guard value.utf8.count > 7, value.prefix(7).lowercased() == "bearer " else { return nil }
            return value.dropFirst(7)
        }
        return headers.first(name: "x-api-key").map { $0[...] }
    }
}
