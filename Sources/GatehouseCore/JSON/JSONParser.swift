/// The recursive descent behind `JSONValue.init(parsing:)`. It recurses once per level, at most `limits.depth` times.
///
/// Every read is guarded by `peek()`, which answers `nil` behind the end.
struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let limits: JSONLimits
    private var position = 0
    private var remainingValues: Int

    /// `bytes` must stay valid as long as the parser is used.
    init(bytes: UnsafeBufferPointer<UInt8>, limits: JSONLimits) {
        self.bytes = bytes
        self.limits = limits
        self.remainingValues = limits.values
    }

    mutating func document() throws(JSONError) -> JSONValue {
        let value = try value(depth: 0)
        skipWhitespace()
        guard position == bytes.count else { throw JSONError(.trailingBytes, at: position) }
        return value
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        skipWhitespace()
        guard remainingValues > 0 else { throw JSONError(.tooManyValues, at: position) }
        remainingValues -= 1
        guard let byte = peek() else { throw JSONError(.unexpectedEnd, at: position) }
        switch byte {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        default: throw JSONError(.unexpectedByte, at: position)
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= limits.depth else { throw JSONError(.tooDeep, at: position) }
        position += 1
        var members = Members()
        skipWhitespace()
        if take(UInt8(ascii: "}")) { return .object([]) }
        while true {
            skipWhitespace()
            let start = position
            guard peek() == UInt8(ascii: "\"") else { throw unexpected() }
            let key = try string()
            skipWhitespace()
            guard take(UInt8(ascii: ":")) else { throw unexpected() }
            let isNew = members.set(key, try value(depth: depth))
            guard isNew || limits.isLenient else { throw JSONError(.duplicateKey, at: start) }
            skipWhitespace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "}")) else { throw unexpected() }
            return .object(members.list)
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSONValue {
        guard depth <= limits.depth else { throw JSONError(.tooDeep, at: position) }
        position += 1
        var elements: [JSONValue] = []
        skipWhitespace()
        if take(UInt8(ascii: "]")) { return .array([]) }
        while true {
            elements.append(try value(depth: depth))
            skipWhitespace()
            if take(UInt8(ascii: ",")) { continue }
            guard take(UInt8(ascii: "]")) else { throw unexpected() }
            return .array(elements)
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for index in 0..<word.utf8CodeUnitCount {
            guard take(word.utf8Start[index]) else { throw unexpected() }
        }
        return value
    }

    // MARK: Numbers

    private mutating func number() throws(JSONError) -> String {
        let start = position
        _ = take(UInt8(ascii: "-"))
        if !take(UInt8(ascii: "0")) { try digits(from: start) }
        if take(UInt8(ascii: ".")) { try digits(from: start) }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
            try digits(from: start)
        }
        guard position - start <= limits.numberLength else { throw JSONError(.invalidNumber, at: start) }
        return String(decoding: slice(start, position), as: UTF8.self)
    }

    private mutating func digits(from start: Int) throws(JSONError) {
        let first = position
        while let byte = peek(), byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { position += 1 }
        guard position > first else { throw JSONError(.invalidNumber, at: start) }
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        try skipPlain()
        guard peek() == UInt8(ascii: "\\") else {
            let end = position
            position += 1
            return try decode(slice(start, end), at: start)
        }
        var unescaped = Array(slice(start, position))
        while true {
            if take(UInt8(ascii: "\"")) { break }
            position += 1
            try escape(into: &unescaped)
            let next = position
            try skipPlain()
            unescaped.append(contentsOf: slice(next, position))
        }
        return try unescaped.withUnsafeBufferPointer { (buffer) throws(JSONError) in
            try decode(UnsafeBufferPointer(rebasing: buffer[...]), at: start)
        }
    }

    /// Moves to the next quote or backslash, or throws.
    private mutating func skipPlain() throws(JSONError) {
        while let byte = peek() {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { return }
            guard byte >= 0x20 else { throw JSONError(.controlCharacter, at: position) }
            position += 1
        }
        throw JSONError(.unexpectedEnd, at: position)
    }

    private func decode(_ buffer: UnsafeBufferPointer<UInt8>, at offset: Int) throws(JSONError) -> String {
        if limits.isLenient { return String(decoding: buffer, as: UTF8.self) }
        guard let string = String(validating: buffer, as: UTF8.self) else {
            throw JSONError(.invalidUTF8, at: offset)
        }
        return string
    }

    /// Reads what follows a backslash.
    private mutating func escape(into output: inout [UInt8]) throws(JSONError) {
        let start = position
        guard let byte = peek() else { throw JSONError(.unexpectedEnd, at: position) }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): output.append(byte)
        case UInt8(ascii: "b"): output.append(0x08)
        case UInt8(ascii: "f"): output.append(0x0C)
        case UInt8(ascii: "n"): output.append(0x0A)
        case UInt8(ascii: "r"): output.append(0x0D)
        case UInt8(ascii: "t"): output.append(0x09)
        case UInt8(ascii: "u"): output.append(contentsOf: String(try unicodeEscape(at: start)).utf8)
        default: throw JSONError(.invalidEscape, at: start)
        }
    }

    private mutating func unicodeEscape(at start: Int) throws(JSONError) -> Unicode.Scalar {
        let first = try fourHexDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        if first < 0xDC00 {
            let mark = position
            if take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
                let second = try fourHexDigits()
                if second >= 0xDC00, second <= 0xDFFF,
                    let scalar = Unicode.Scalar(0x10000 + (UInt32(first & 0x3FF) << 10) + UInt32(second & 0x3FF))
                {
                    return scalar
                }
            }
            position = mark
        }
        guard limits.isLenient else { throw JSONError(.loneSurrogate, at: start) }
        return "\u{FFFD}"
    }

    private mutating func fourHexDigits() throws(JSONError) -> UInt16 {
        var value: UInt16 = 0
        for _ in 0..<4 {
            guard let byte = peek() else { throw JSONError(.unexpectedEnd, at: position) }
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw JSONError(.invalidEscape, at: position)
            }
            value = value << 4 | UInt16(digit)
            position += 1
        }
        return value
    }

    // MARK: Bytes

    private func peek() -> UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipWhitespace() {
        while let byte = peek(), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private func slice(_ start: Int, _ end: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(rebasing: bytes[start..<end])
    }

    private func unexpected() -> JSONError {
        JSONError(position < bytes.count ? .unexpectedByte : .unexpectedEnd, at: position)
    }
}

/// The members of an object while it is read. Few names are compared one by one; more go through a hashed set, whose
/// seed is random per process, so that no document makes this quadratic.
private struct Members {
    private(set) var list: [JSONValue.Member] = []
    private var indices: [String: Int]?

    /// Answers `false` when the name was there; the new value then replaces the old one.
    mutating func set(_ key: String, _ value: JSONValue) -> Bool {
        if let index = index(of: key) {
            list[index].value = value
            return false
        }
        indices?[key] = list.count
        list.append(JSONValue.Member(key, value))
        if indices == nil, list.count > 16 {
            indices = Dictionary(list.enumerated().map { ($1.key, $0) }, uniquingKeysWith: { first, _ in first })
        }
        return true
    }

    private func index(of key: String) -> Int? {
        guard let indices else { return list.firstIndex { $0.key == key } }
        return indices[key]
    }
}
