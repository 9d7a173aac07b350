import NIOCore

/// What the headers of one part say (RFC 7578 §4.2).
struct MultipartPartHead: Equatable {
    let name: String
    /// As `FileName` takes it; not `nil` for files.
    let filename: String?
    let contentType: String?

    /// - Parameter lines: Each with its CR LF.
    init(_ lines: ByteBufferView, limit: Int) throws(GatehouseError) {
        var values: [String: String] = [:]
        var count = 0
        for line in lines.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
            count += 1
            guard count <= limit else { throw MultipartReader.bad("has a part with more than \(limit) headers") }
            guard line.last == 0x0D, let colon = line.firstIndex(of: UInt8(ascii: ":")), colon != line.startIndex,
                line.first != 0x20, line.first != 0x09, !line.dropLast().contains(0x0D), !line.contains(0),
                let text = String(validating: line[line.index(after: colon)...].dropLast(), as: UTF8.self)
            else { throw MultipartReader.bad("has a part with malformed headers") }
            let key = String(decoding: line[..<colon], as: UTF8.self).lowercased()
            guard Self.known.contains(key) else { continue }
            guard values.updateValue(text, forKey: key) == nil else {
                throw MultipartReader.bad("has a part with the header \(key) twice")
            }
        }
        try Self.checkCoding(values["content-transfer-encoding"])
        contentType = values["content-type"].map(Self.trimmed)
        if contentType?.lowercased().hasPrefix("multipart/") == true {
            throw MultipartReader.bad("has another one in a part")
        }
        (name, filename) = try Self.disposition(values["content-disposition"] ?? "")
    }

    private static let known: Set<String> = ["content-disposition", "content-type", "content-transfer-encoding"]

    private static func checkCoding(_ value: String?) throws(GatehouseError) {
        guard let value else { return }
        guard ["binary", "7bit", "8bit"].contains(trimmed(value).lowercased()) else {
            throw MultipartReader.bad("has a part in a transfer encoding")
        }
    }

    private static func disposition(
        _ value: String
    ) throws(GatehouseError) -> (name: String, filename: String?) {
        var parameters = HeaderParameters(value)
        guard parameters.token()?.lowercased() == "form-data", let all = parameters.all(), let name = all["name"],
            all["name*"] == nil
        else { throw MultipartReader.bad("has a part without a readable name") }
        guard let extended = all["filename*"] else { return (name, all["filename"]) }
        guard let filename = self.extended(extended) else {
            throw MultipartReader.bad("has a file without a readable name")
        }
        return (name, filename)
    }

    /// A value with its character set in front, `UTF-8''caf%C3%A9.txt` (RFC 8187 §3.2). `FileName` decodes once more, so
    /// that what it would take for an escape is made one.
    private static func extended(_ value: String) -> String? {
        let parts = value.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        let decoded: String?
        switch parts[0].lowercased() {
        case "utf-8": decoded = PercentEncoding.decoded(parts[2])
        case "iso-8859-1":
            decoded = PercentEncoding.decodedBytes(parts[2]).map { bytes in
                String(String.UnicodeScalarView(bytes.map { Unicode.Scalar($0) }))
            }
        default: decoded = nil
        }
        return decoded.map { $0.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%25") }
    }

    private static func trimmed(_ text: String) -> String {
        let isBlank = { (scalar: Unicode.Scalar) in scalar == " " || scalar == "\t" }
        var rest = text.unicodeScalars.drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return String(rest)
    }
}
