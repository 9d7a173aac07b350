/// The boundary of a multipart body, read from its `Content-Type` (RFC 2046 §5.1.1, RFC 7578 §4.1).
package struct MultipartBoundary: Sendable, Equatable {
    package let text: String

    /// - Throws: `unsupported_media_type` when it is no `multipart/form-data`, or has no boundary of the allowed form:
    ///   1 to 70 characters, each allowed by RFC 2046, the last no blank.
    package init(contentType: String) throws(GatehouseError) {
        var parameters = HeaderParameters(contentType)
        guard let type = parameters.token()?.lowercased(), type == "multipart/form-data" else {
            throw Self.unsupported("The body must be multipart/form-data.")
        }
        guard let boundary = parameters.all()?["boundary"] else {
            throw Self.unsupported("The header Content-Type must name the boundary of the parts once.")
        }
        guard Self.isLegal(boundary) else {
            throw Self.unsupported("The boundary in Content-Type is not of the form that RFC 2046 allows.")
        }
        text = boundary
    }

    static func isLegal(_ boundary: String) -> Bool {
        (1...70).contains(boundary.utf8.count) && boundary.utf8.allSatisfy(isLegal) && boundary.last != " "
    }

    private static func isLegal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "'()+_,-./:=? ".utf8.contains(byte)
        }
    }

    private static func unsupported(_ message: String) -> GatehouseError {
        GatehouseError(.unsupportedMediaType, message, param: "Content-Type")
    }
}

/// Reads `token; name=value; name="value"` (RFC 9110 §5.6.6).
struct HeaderParameters {
    private let bytes: [UInt8]
    private var index = 0

    init(_ text: String) { bytes = Array(text.utf8) }

    /// What stands before the first parameter.
    mutating func token() -> String? {
        skipBlanks()
        let start = index
        while index < bytes.count, bytes[index] != UInt8(ascii: ";"), !isBlank(bytes[index]) { index += 1 }
        skipBlanks()
        return index == start ? nil : String(decoding: bytes[start..<index].prefix { !isBlank($0) }, as: UTF8.self)
    }

    /// All parameters by their names in lower case; `nil` when one comes twice, or they are not of the form.
    mutating func all() -> [String: String]? {
        var parameters: [String: String] = [:]
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: ";") else { return nil }
            index += 1
            skipBlanks()
            if index == bytes.count { break }
            let start = index
            while index < bytes.count, isTokenByte(bytes[index]) { index += 1 }
            let name = String(decoding: bytes[start..<index], as: UTF8.self).lowercased()
            guard !name.isEmpty, index < bytes.count, bytes[index] == UInt8(ascii: "=") else { return nil }
            index += 1
            guard let value = value(), parameters.updateValue(value, forKey: name) == nil else { return nil }
            skipBlanks()
        }
        return parameters
    }

    private mutating func value() -> String? {
        guard index < bytes.count else { return nil }
        if bytes[index] == UInt8(ascii: "\"") { return quoted() }
        let start = index
        while index < bytes.count, bytes[index] != UInt8(ascii: ";"), !isBlank(bytes[index]) {
            guard bytes[index] != UInt8(ascii: "\"") else { return nil }
            index += 1
        }
        return index == start ? nil : String(validating: bytes[start..<index], as: UTF8.self)
    }

    /// A backslash escapes a quote or another backslash; before anything else it is what it is, as browsers write
    /// paths.
    private mutating func quoted() -> String? {
        var value: [UInt8] = []
        index += 1
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "\"") { return String(validating: value, as: UTF8.self) }
            if byte == UInt8(ascii: "\\"), index < bytes.count,
                bytes[index] == UInt8(ascii: "\"") || bytes[index] == UInt8(ascii: "\\")
            {
                value.append(bytes[index])
                index += 1
            } else {
                value.append(byte)
            }
        }
        return nil
    }

    private mutating func skipBlanks() {
        while index < bytes.count, isBlank(bytes[index]) { index += 1 }
    }

    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private func isTokenByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && !"()<>@,;:\\\"/[]?={}".utf8.contains(byte)
    }
}
