import GatehouseCore

/// What can be told of a host or a URL without asking anybody.
enum NetworkAddress {
    /// Whether only this machine can reach it. A name other than `localhost` may lead anywhere.
    static func isLoopback(_ host: some StringProtocol) -> Bool {
        let host = host.lowercased()
        if host == "localhost" || host == "::1" || host == "[::1]" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy(isOctet)
    }

    private static func isOctet(_ part: Substring) -> Bool {
        (1...3).contains(part.utf8.count) && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
            && Int(part).map { $0 <= 255 } == true
    }
}

/// An `http` or `https` URL taken apart.
struct HTTPLocation: Equatable {
    var isSecure: Bool
    /// Without brackets.
    var host: String
    var port: Int?
    /// Empty, or with its slash.
    var path: String

    /// `nil` for anything but `http[s]://HOST[:PORT][/PATH]`: no user, query, fragment, space or control character.
    init?(_ text: String) {
        let scheme: String
        if text.hasPrefix("https://") {
            scheme = "https://"
        } else if text.hasPrefix("http://") {
            scheme = "http://"
        } else {
            return nil
        }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"\\?#@\"<>^`{|}".utf8.contains($0) }) else {
            return nil
        }
        let rest = text.dropFirst(scheme.count)
        let end = rest.firstIndex(of: "/") ?? rest.endIndex
        guard let (host, port) = Self.authority(rest[..<end]) else { return nil }
        self.isSecure = scheme == "https://"
        self.host = host
        self.port = port
        self.path = String(rest[end...])
    }

    private static func authority(_ text: Substring) -> (host: String, port: Int?)? {
        var host = text
        var rest: Substring = ""
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            host = text[..<end].dropFirst()
            rest = text[end...].dropFirst()
            guard host.contains(":") else { return nil }
        } else if let colon = text.firstIndex(of: ":") {
            host = text[..<colon]
            rest = text[colon...]
        }
        guard !host.isEmpty, !host.contains("["), !host.contains("]") else { return nil }
        guard !rest.isEmpty else { return (String(host), nil) }
        guard rest.hasPrefix(":"), let port = Int(rest.dropFirst()), (1...65535).contains(port) else { return nil }
        return (String(host), port)
    }
}

extension ConfigurationValue where Value == String {
    /// In front of the paths of a provider.
    static var baseURL: Self {
        Self(what: "a URL such as https://api.example.com/v1, without user, query or fragment") { text in
            HTTPLocation(text).map { _ in text }
        }
    }

    static var absolutePath: Self {
        Self(what: "an absolute path") { text in
            text.hasPrefix("/") && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F } ? text : nil
        }
    }
}
