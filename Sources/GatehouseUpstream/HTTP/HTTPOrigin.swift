/// Where a provider lives: scheme, host, port and the path before the API's own.
package struct HTTPOrigin: Sendable, Equatable {
    package var isTLS: Bool
    package var host: String
    package var port: Int
    /// Empty, or with a leading and without a trailing slash.
    package var path: String

    /// Reads `http[s]://host[:port][/path]`. User info, queries, fragments and anything odd are refused.
    package init?(_ url: String) {
        let rest: Substring
        if url.hasPrefix("https://") {
            (isTLS, rest) = (true, url.dropFirst(8))
        } else if url.hasPrefix("http://") {
            (isTLS, rest) = (false, url.dropFirst(7))
        } else {
            return nil
        }
        guard rest.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }),
            !rest.contains(where: { "@?#".contains($0) })
        else { return nil }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        guard let (host, port) = Self.authority(rest[..<slash]) else { return nil }
        self.host = host
        self.port = port ?? (isTLS ? 443 : 80)
        var path = String(rest[slash...])
        while path.hasSuffix("/") { path.removeLast() }
        self.path = path
    }

    private static func authority(_ text: Substring) -> (String, Int?)? {
        var host = text
        var port: Int?
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { return nil }
            host = text[text.index(after: text.startIndex)..<close]
            let tail = text[text.index(after: close)...]
            guard tail.isEmpty || tail.hasPrefix(":") else { return nil }
            if !tail.isEmpty {
                guard let number = Int(tail.dropFirst()), (1...65535).contains(number) else { return nil }
                port = number
            }
        } else if let colon = text.lastIndex(of: ":") {
            guard let number = Int(text[text.index(after: colon)...]), (1...65535).contains(number) else { return nil }
            host = text[..<colon]
            port = number
        }
        guard !host.isEmpty, !text.hasPrefix("[") == !host.contains(":") else { return nil }
        return (host.lowercased(), port)
    }

    /// The value of the `Host` header.
    package var hostHeader: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isTLS ? 443 : 80) ? name : "\(name):\(port)"
    }

    /// Whether the host is a name or address of this machine.
    package var isLoopback: Bool {
        host == "localhost" || host == "::1" || (host.hasPrefix("127.") && host.allSatisfy { $0.isNumber || $0 == "." })
    }
}
