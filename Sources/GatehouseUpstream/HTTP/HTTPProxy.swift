/// The proxy of this host, as the usual environment variables name it.
package struct HTTPProxy: Sendable, Equatable {
    package var host: String
    package var port: Int
    /// Value of `Proxy-Authorization`, when the URL had user info.
    package var authorization: String?
    private var exceptions: [String]

    /// Reads `HTTPS_PROXY` (or `https_proxy`) and `NO_PROXY`. `nil` when there is none; throws when it cannot be read.
    package init?(environment: [String: String]) throws(HTTPProxyError) {
        let value = environment["HTTPS_PROXY"] ?? environment["https_proxy"] ?? ""
        guard !value.isEmpty else { return nil }
        var url = value
        if url.hasPrefix("http://") { url.removeFirst(7) }
        if let at = url.lastIndex(of: "@") {
            authorization = "Basic " + Base64.encode(Array(Self.percentDecoded(url[..<at]).utf8))
            url = String(url[url.index(after: at)...])
        }
        guard let origin = HTTPOrigin("http://" + url), origin.path.isEmpty else {
            throw HTTPProxyError()
        }
        host = origin.host
        port = origin.port == 80 && !url.hasSuffix(":80") ? 3128 : origin.port
        exceptions = (environment["NO_PROXY"] ?? environment["no_proxy"] ?? "").split(separator: ",").map {
            var name = $0.filter { $0 != " " }.lowercased()
            if name.hasPrefix("*") { name.removeFirst() }
            return name
        }
    }

    /// Whether connections to `host` go through the proxy.
    package func applies(to origin: HTTPOrigin) -> Bool {
        guard !origin.isLoopback else { return false }
        return !exceptions.contains { name in
            if name.isEmpty { return false }
            let bare = name.hasPrefix(".") ? String(name.dropFirst()) : name
            return origin.host == bare || origin.host.hasSuffix("." + bare) || "\(origin.host):\(origin.port)" == bare
                || name == "."
        }
    }

    private static func percentDecoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// `HTTPS_PROXY` is not `http://[user:password@]host[:port]`.
package struct HTTPProxyError: Error {
    package init() {}
}

/// Base64 (RFC 4648) of small values.
enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var out: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits = group.reduce(0) { $0 << 8 | UInt32($1) }
            bits <<= UInt32(8 * (3 - group.count))
            for position in 0..<4 {
                let shift = UInt32(18 - 6 * position)
                out.append(position <= group.count ? alphabet[Int(bits >> shift & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
