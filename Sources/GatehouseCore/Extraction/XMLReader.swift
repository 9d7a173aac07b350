/// Reads XML in UTF-8 from one tag to the next. It knows no document types and no entities but XML's own, so that nothing
/// grows and nothing is fetched; elements that are not closed in order, or too deep, are damage.
struct XMLReader {
    static let depthLimit = 256

    enum Token {
        /// An element begins; its attributes can be asked for until the next token. `end` follows for an empty one too.
        case start
        case end
        /// Text between tags, as it is meant.
        case text([UInt8])
    }

    private let bytes: [UInt8]
    private var index = 0
    /// The names of the open elements.
    private var open: [Range<Int>] = []
    /// The name of the last tag without its prefix.
    private(set) var name: ArraySlice<UInt8> = []
    private var attributes: Range<Int> = 0..<0
    private var isEmptyElement = false

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
    }

    /// Whether the last tag has this name, whatever its prefix.
    func isNamed(_ name: StaticString) -> Bool {
        self.name.elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }

    /// `nil` at the end of the document.
    mutating func next() throws(ReadingFailure) -> Token? {
        if isEmptyElement {
            isEmptyElement = false
            return try close()
        }
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "<") else { return .text(try text()) }
            if let token = try markup() { return token }
        }
        guard open.isEmpty else { throw .damaged }
        return nil
    }

    private mutating func text() throws(ReadingFailure) -> [UInt8] {
        let end = bytes[index...].firstIndex(of: UInt8(ascii: "<")) ?? bytes.endIndex
        defer { index = end }
        return try Self.unescaped(bytes[index..<end])
    }

    /// `nil` for what has no meaning here.
    private mutating func markup() throws(ReadingFailure) -> Token? {
        let rest = bytes[index...]
        if rest.starts(with: "<?".utf8) {
            try skip("?>")
        } else if rest.starts(with: "<!--".utf8) {
            try skip("-->")
        } else if rest.starts(with: "<![CDATA[".utf8) {
            let start = index + 9
            try skip("]]>")
            return .text(Array(bytes[min(start, index - 3)..<(index - 3)]))
        } else if rest.starts(with: "<!".utf8) {
            // A document type: it could define anything.
            throw .damaged
        } else if rest.starts(with: "</".utf8) {
            return try endTag()
        } else {
            return try startTag()
        }
        return nil
    }

    private mutating func skip(_ end: String) throws(ReadingFailure) {
        let end = Array(end.utf8)
        var place = index + 2
        while let first = bytes[min(place, bytes.count)...].firstIndex(of: end[0]) {
            if bytes[first...].starts(with: end) {
                index = first + end.count
                return
            }
            place = first + 1
        }
        throw .damaged
    }

    private mutating func startTag() throws(ReadingFailure) -> Token {
        let start = index + 1
        let nameEnd = nameEnd(from: start)
        var end = nameEnd
        // A `>` may stand in the value of an attribute.
        var quote: UInt8?
        while end < bytes.count, quote != nil || bytes[end] != UInt8(ascii: ">") {
            if bytes[end] == quote {
                quote = nil
            } else if quote == nil, bytes[end] == UInt8(ascii: "\"") || bytes[end] == UInt8(ascii: "'") {
                quote = bytes[end]
            }
            end += 1
        }
        guard end < bytes.count, nameEnd > start, open.count < Self.depthLimit else { throw .damaged }
        isEmptyElement = bytes[end - 1] == UInt8(ascii: "/")
        attributes = nameEnd..<max(nameEnd, isEmptyElement ? end - 1 : end)
        open.append(start..<nameEnd)
        setName(start..<nameEnd)
        index = end + 1
        return .start
    }

    private mutating func endTag() throws(ReadingFailure) -> Token {
        let start = index + 2
        let end = nameEnd(from: start)
        guard let close = bytes[end...].firstIndex(of: UInt8(ascii: ">")), let last = open.last,
            bytes[last] == bytes[start..<end], bytes[end..<close].allSatisfy(Self.isBlank)
        else { throw .damaged }
        index = close + 1
        return try self.close()
    }

    private mutating func close() throws(ReadingFailure) -> Token {
        guard let last = open.popLast() else { throw .damaged }
        attributes = 0..<0
        setName(last)
        return .end
    }

    private func nameEnd(from start: Int) -> Int {
        var end = min(start, bytes.count)
        while end < bytes.count, !Self.isBlank(bytes[end]), !"/><=\"'".utf8.contains(bytes[end]) { end += 1 }
        return end
    }

    private mutating func setName(_ range: Range<Int>) {
        let whole = bytes[range]
        name = whole.lastIndex(of: UInt8(ascii: ":")).map { bytes[($0 + 1)..<range.upperBound] } ?? whole
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    // MARK: Attributes

    /// The value of an attribute of the last start tag, by its whole name.
    func attribute(_ name: String) throws(ReadingFailure) -> String? {
        var place = attributes.lowerBound
        while place < attributes.upperBound {
            while place < attributes.upperBound, Self.isBlank(bytes[place]) { place += 1 }
            let start = place
            let nameEnd = min(nameEnd(from: start), attributes.upperBound)
            guard nameEnd > start else { return nil }
            place = nameEnd
            while place < attributes.upperBound, Self.isBlank(bytes[place]) || bytes[place] == UInt8(ascii: "=") {
                place += 1
            }
            guard place < attributes.upperBound,
                bytes[place] == UInt8(ascii: "\"") || bytes[place] == UInt8(ascii: "'"),
                let end = bytes[(place + 1)..<attributes.upperBound].firstIndex(of: bytes[place])
            else { throw .damaged }
            if bytes[start..<nameEnd].elementsEqual(name.utf8) {
                return String(decoding: try Self.unescaped(bytes[(place + 1)..<end]), as: UTF8.self)
            }
            place = end + 1
        }
        return nil
    }

    // MARK: Characters

    private static func unescaped(_ text: ArraySlice<UInt8>) throws(ReadingFailure) -> [UInt8] {
        guard var place = text.firstIndex(of: UInt8(ascii: "&")) else { return Array(text) }
        var result = Array(text[..<place])
        while place < text.endIndex {
            guard text[place] == UInt8(ascii: "&") else {
                result.append(text[place])
                place += 1
                continue
            }
            guard let end = text[place...].prefix(12).firstIndex(of: UInt8(ascii: ";")),
                let scalar = CharacterReference.scalar(text[(place + 1)..<end], named: xml)
            else { throw .damaged }
            result += UTF8.encode(scalar).map(Array.init) ?? []
            place = end + 1
        }
        return result
    }

    private static let xml: [String: Unicode.Scalar] = ["amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'"]
}

/// `&amp;`, `&#8364;` and `&#x20AC;`.
enum CharacterReference {
    /// - Parameter text: What stands between the `&` and the `;`.
    static func scalar(_ text: ArraySlice<UInt8>, named names: [String: Unicode.Scalar]) -> Unicode.Scalar? {
        guard text.first == UInt8(ascii: "#") else { return names[String(decoding: text, as: UTF8.self)] }
        let digits = text.dropFirst()
        let isHexadecimal = digits.first.map { $0 | 0x20 == UInt8(ascii: "x") } ?? false
        let value = String(decoding: isHexadecimal ? digits.dropFirst() : digits, as: UTF8.self)
        guard value.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
            let number = UInt32(value, radix: isHexadecimal ? 16 : 10), number != 0
        else { return nil }
        return Unicode.Scalar(number)
    }
}
