import Crypto
import GatehouseCore
package import NIOCore

/// AWS Signature Version 4
/// (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html), for every service but
/// S3, which encodes paths otherwise.
package struct SigV4: Sendable {
    private static let algorithm = "AWS4-HMAC-SHA256"

    package var region: String
    package var service: String

    package init(region: String, service: String) {
        self.region = region
        self.service = service
    }

    /// The headers to add to a request: `x-amz-date`, `x-amz-security-token` for temporary credentials, and
    /// `authorization`.
    ///
    /// - Parameters:
    ///   - path: With the query, percent-encoded as it goes out; see `PercentEncoding`.
    ///   - headers: All that shall be signed, `host` among them. They must go out as they are.
    ///   - time: Seconds since 1970; AWS takes five minutes of difference.
    package func sign(
        method: String, path: String, headers: [(name: String, value: String)], body: ByteBuffer,
        with credentials: AWSCredentials, at time: Int
    ) -> [AuthorizationHeader] {
        let time = UTCTime(seconds: time)
        var added = [AuthorizationHeader("x-amz-date", Secret(time.stamp))]
        if let token = credentials.sessionToken { added.append(AuthorizationHeader("x-amz-security-token", token)) }
        let all = Self.canonical(headers + added.map { ($0.name, $0.value.reveal()) })
        let names = all.map(\.name).joined(separator: ";")
        let (pathOnly, query) = Self.split(path)
        let lines =
            [method, Self.canonicalPath(pathOnly), Self.canonicalQuery(query)] + all.map { "\($0.name):\($0.value)" }
            + ["", names, Self.hash(body)]
        let scope = "\(time.day)/\(region)/\(service)/aws4_request"
        let digest = Self.hex(SHA256.hash(data: Array(lines.joined(separator: "\n").utf8)))
        let text = "\(Self.algorithm)\n\(time.stamp)\n\(scope)\n\(digest)"
        let signature = Self.hex(Self.code(text, signingKey(credentials, day: time.day)))
        let proof =
            "\(Self.algorithm) Credential=\(credentials.accessKeyID)/\(scope), SignedHeaders=\(names), "
            + "Signature=\(signature)"
        added.append(AuthorizationHeader("authorization", Secret(proof)))
        return added
    }

    private func signingKey(_ credentials: AWSCredentials, day: String) -> SymmetricKey {
        let secret = SymmetricKey(data: Array("AWS4\(credentials.secretAccessKey.reveal())".utf8))
        return [day, region, service, "aws4_request"].reduce(secret) { SymmetricKey(data: Self.code($1, $0)) }
    }

    private static func code(_ text: String, _ key: SymmetricKey) -> HMAC<SHA256>.MAC {
        HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: key)
    }

    private static func hash(_ body: ByteBuffer) -> String {
        body.withUnsafeReadableBytes { bytes in
            var hash = SHA256()
            hash.update(bufferPointer: bytes)
            return hex(hash.finalize())
        }
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    // MARK: The canonical request

    private static func split(_ path: String) -> (path: String, query: String) {
        guard let mark = path.firstIndex(of: "?") else { return (path, "") }
        return (String(path[..<mark]), String(path[path.index(after: mark)...]))
    }

    /// The path without empty and dot segments, each segment encoded once more.
    static func canonicalPath(_ path: String) -> String {
        var segments: [Substring] = []
        for segment in path.split(separator: "/") {
            switch segment {
            case ".": break
            case "..": _ = segments.popLast()
            default: segments.append(segment)
            }
        }
        guard !segments.isEmpty else { return "/" }
        let isFolder = path.hasSuffix("/") || path.hasSuffix("/.") || path.hasSuffix("/..")
        return "/" + segments.map { PercentEncoding.encoded(String($0)) }.joined(separator: "/") + (isFolder ? "/" : "")
    }

    /// Pairs in the order of their bytes; a name without a value has an empty one.
    static func canonicalQuery(_ query: String) -> String {
        let pairs: [(name: Substring, value: Substring)] = query.split(separator: "&").map { pair in
            let mark = pair.firstIndex(of: "=") ?? pair.endIndex
            return (name: pair[..<mark], value: pair[mark...].dropFirst())
        }
        let sorted = pairs.sorted { left, right in
            left.name == right.name
                ? left.value.utf8.lexicographicallyPrecedes(right.value.utf8)
                : left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
        }
        return sorted.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
    }

    /// Names in lower case and in order, blanks reduced, values of one name joined.
    private static func canonical(_ headers: [(name: String, value: String)]) -> [(name: String, value: String)] {
        var values: [String: [String]] = [:]
        for (name, value) in headers {
            let words = value.split { $0 == " " || $0 == "\t" }
            values[name.lowercased(), default: []].append(words.joined(separator: " "))
        }
        return values.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.map { name in
            (name, values[name, default: []].joined(separator: ","))
        }
    }
}
