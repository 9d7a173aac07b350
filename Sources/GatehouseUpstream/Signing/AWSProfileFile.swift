/// Reads AWS's shared credentials file: sections in brackets, `key = value` lines, comments behind `#` or `;`
/// (https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html).
struct AWSProfileFile: Sendable {
    /// Bytes of a file; more are not read.
    static let maximumSize = 1 << 20
    private static let maximumLines = 20_000

    private var profiles: [String: [String: String]] = [:]

    init(_ text: String) {
        var name: String?
        for line in text.split(maxSplits: Self.maximumLines, whereSeparator: \.isNewline).prefix(Self.maximumLines) {
            // What is set in belongs to a setting that has parts of its own.
            guard let first = line.first, !first.isWhitespace, first != "#", first != ";" else { continue }
            if first == "[" {
                name = line.dropFirst().prefix { $0 != "]" }.trimmed
                continue
            }
            guard let name, let mark = line.firstIndex(of: "=") else { continue }
            let key = line[..<mark].trimmed.lowercased()
            profiles[name, default: [:]][key] = line[line.index(after: mark)...].withoutComment.trimmed
        }
    }

    /// The credentials of a profile; `nil` when it is not there or has none.
    func credentials(_ profile: String) throws(AWSCredentialError) -> AWSCredentials? {
        guard let values = profiles[profile] else { return nil }
        return try AWSCredentials(
            id: values["aws_access_key_id"], secret: values["aws_secret_access_key"],
            token: values["aws_session_token"], place: "the profile \(profile)")
    }
}

extension Substring {
    fileprivate var trimmed: String {
        var rest = self
        while let first = rest.first, first.isWhitespace { rest.removeFirst() }
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        return String(rest)
    }

    /// Within a line only a mark behind a blank begins a comment: secrets may hold it.
    fileprivate var withoutComment: Substring {
        var previous: Character = "x"
        for index in indices {
            if previous.isWhitespace, self[index] == "#" || self[index] == ";" { return self[..<index] }
            previous = self[index]
        }
        return self
    }
}
