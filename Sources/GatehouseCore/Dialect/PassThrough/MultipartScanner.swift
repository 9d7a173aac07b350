package import NIOCore

/// Walks over a `multipart/form-data` body (RFC 7578) as its bytes come, and keeps the small fields that were asked
/// for. Files are walked over, never held: what is held is bounded by one part's headers or one small field.
///
/// Stricter than the RFCs wherever two readers could see two bodies in one: no text before the first part or behind the
/// last, lines end in CR LF, headers are not folded, a boundary stands alone on its line, every part has one name, and
/// a field that was asked for comes once.
package struct MultipartScanner: Sendable {
    package static let maximumParts = 128
    /// Bytes of one part's headers.
    package static let maximumHeaders = 8 << 10
    /// Bytes of a field that is kept.
    package static let maximumValue = 64 << 10

    private enum State {
        /// At the first boundary, which has no line break before it.
        case start
        /// Behind a boundary: what follows tells whether it was the last.
        case boundary
        case headers
        case data
        /// Behind the last boundary.
        case ended
    }

    private let wanted: Set<String>
    /// CR LF, two dashes and the boundary.
    private let delimiter: [UInt8]
    private var state = State.start
    /// What came and is not understood yet.
    private var pending = ByteBuffer()
    /// Where `pending` begins in the body.
    private var offset = 0
    private var head = MultipartHead()
    private var field: (name: String, start: Int, value: [UInt8])?

    /// - Parameter wanted: Names of the fields to keep.
    package init(boundary: MultipartBoundary, wanted: Set<String>) {
        self.wanted = wanted
        delimiter = Array("\r\n--\(boundary.text)".utf8)
    }

    /// Takes bytes as they come.
    ///
    /// - Throws: `invalid_value` for what is no body of this kind, or is larger than the limits.
    package mutating func receive(_ bytes: ByteBuffer) throws(GatehouseError) {
        if pending.readableBytes == 0 {
            pending = bytes
        } else {
            pending.writeImmutableBuffer(bytes)
        }
        while try step() {}
        if pending.readableBytes == 0 { pending = ByteBuffer() }
    }

    /// The body ended.
    ///
    /// - Throws: `invalid_value` when its last boundary is missing.
    package mutating func end() throws(GatehouseError) -> MultipartHead {
        guard case .ended = state else { throw Self.invalid("ends before its last boundary") }
        return head
    }

    /// Reads a whole body.
    package static func head(
        of body: ByteBuffer, boundary: MultipartBoundary, wanted: Set<String>
    ) throws(GatehouseError) -> MultipartHead {
        var scanner = MultipartScanner(boundary: boundary, wanted: wanted)
        try scanner.receive(body)
        return try scanner.end()
    }

    /// Understands one thing; `false` when more bytes are needed.
    private mutating func step() throws(GatehouseError) -> Bool {
        switch state {
        case .start: try start()
        case .boundary: try boundary()
        case .headers: try headers()
        case .data: try data()
        case .ended: try ended()
        }
    }

    private mutating func start() throws(GatehouseError) -> Bool {
        let dashes = delimiter.dropFirst(2)
        let have = pending.readableBytesView.prefix(dashes.count)
        guard have.elementsEqual(dashes.prefix(have.count)) else { throw Self.invalid("must begin with its boundary") }
        guard have.count == dashes.count else { return false }
        take(dashes.count)
        state = .boundary
        return true
    }

    private mutating func boundary() throws(GatehouseError) -> Bool {
        let next = Array(pending.readableBytesView.prefix(2))
        guard next.count == 2 else { return false }
        switch next {
        case Array("\r\n".utf8): state = .headers
        case Array("--".utf8): state = .ended
        default: throw Self.invalid("has a boundary that does not stand alone on its line")
        }
        take(2)
        return true
    }

    // MARK: Headers

    private mutating func headers() throws(GatehouseError) -> Bool {
        let view = pending.readableBytesView.prefix(Self.maximumHeaders)
        guard let end = Self.blankLine(view) else {
            guard pending.readableBytes < Self.maximumHeaders else {
                throw Self.invalid("has a part with large headers")
            }
            return false
        }
        let part = try MultipartHeaders(String(decoding: view.prefix(end), as: UTF8.self))
        take(end + 2)
        guard head.names.count < Self.maximumParts else {
            throw Self.invalid("has more than \(Self.maximumParts) parts")
        }
        if wanted.contains(part.name), !part.isFile {
            guard !head.names.contains(part.name) else { throw Self.invalid("has the field \(part.name) twice") }
            field = (part.name, offset, [])
        } else if wanted.contains(part.name) {
            throw Self.invalid("has a file for the field \(part.name)")
        }
        head.names.append(part.name)
        state = .data
        return true
    }

    /// Where the header lines end, the CR LF of the last one included.
    private static func blankLine(_ view: some Collection<UInt8>) -> Int? {
        let end = Array("\r\n".utf8)
        if view.starts(with: end) { return 0 }
        var count = 0
        var matched = 0
        for byte in view {
            count += 1
            matched = byte == end[matched % 2] ? matched + 1 : (byte == 0x0D ? 1 : 0)
            if matched == 4 { return count - 2 }
        }
        return nil
    }

    // MARK: Data

    private mutating func data() throws(GatehouseError) -> Bool {
        let length = pending.readableBytes
        let found = Self.search(delimiter, in: pending.readableBytesUInt8Span)
        try keep(found)
        take(found)
        guard length - found >= delimiter.count else { return false }
        take(delimiter.count)
        if let field {
            guard let value = String(validating: field.value, as: UTF8.self) else {
                throw Self.invalid("has the field \(field.name) in another encoding than UTF-8")
            }
            let range = field.start..<field.start + field.value.count
            head.fields.append(MultipartHead.Field(name: field.name, value: value, range: range))
        }
        field = nil
        state = .boundary
        return true
    }

    /// Keeps the first `count` bytes, when they belong to a field that was asked for.
    private mutating func keep(_ count: Int) throws(GatehouseError) {
        guard let held = field?.value.count else { return }
        guard count <= Self.maximumValue - held else {
            throw Self.invalid("has a field larger than \(Self.maximumValue) bytes")
        }
        field?.value += pending.readableBytesView.prefix(count)
    }

    /// Where the delimiter stands, or may yet stand when more bytes come; the count when neither. It has one CR, its
    /// first byte: no two tries overlap, so that the whole takes linear time.
    private static func search(_ delimiter: [UInt8], in bytes: Span<UInt8>) -> Int {
        var index = 0
        while true {
            index = LineSearch.firstBreak(in: bytes, from: index)
            guard index < bytes.count else { return index }
            var matched = 0
            while matched < delimiter.count, index + matched < bytes.count,
                bytes[index + matched] == delimiter[matched]
            {
                matched += 1
            }
            if matched == delimiter.count || index + matched == bytes.count { return index }
            index += max(1, matched)
        }
    }

    // MARK: The end

    /// Nothing but a line break may follow.
    private mutating func ended() throws(GatehouseError) -> Bool {
        guard pending.readableBytesView.allSatisfy({ $0 == 0x0D || $0 == 0x0A }), pending.readableBytes <= 2 else {
            throw Self.invalid("goes on behind its last boundary")
        }
        return false
    }

    private mutating func take(_ count: Int) {
        pending.moveReaderIndex(forwardBy: count)
        offset = offset.capped(adding: count)
    }

    static func invalid(_ rule: String) -> GatehouseError {
        GatehouseError(.invalidValue, "The multipart body \(rule).", param: "body")
    }
}

/// The headers of one part.
struct MultipartHeaders {
    let name: String
    let isFile: Bool

    /// - Parameter text: The lines, each with its CR LF.
    init(_ text: String) throws(GatehouseError) {
        var disposition: String?
        for line in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: true) {
            guard line.last == 0x0D, let colon = line.firstIndex(of: UInt8(ascii: ":")), colon != line.startIndex,
                line.first != 0x20, line.first != 0x09, !line.dropLast().contains(0x0D), !line.contains(0)
            else { throw MultipartScanner.invalid("has a part with malformed headers") }
            let key = String(decoding: line[..<colon], as: UTF8.self)
            let value = String(decoding: line[line.index(after: colon)...].dropLast(), as: UTF8.self)
            if key.isHeader("content-disposition") {
                guard disposition == nil else { throw MultipartScanner.invalid("has a part with two names") }
                disposition = value
            } else if key.isHeader("content-transfer-encoding") {
                let coding = value.lowercased().filter { $0 != " " }
                guard ["binary", "7bit", "8bit"].contains(coding) else {
                    throw MultipartScanner.invalid("has a part in a transfer encoding")
                }
            }
        }
        var parameters = HeaderParameters(disposition ?? "")
        guard parameters.token()?.lowercased() == "form-data", let all = parameters.all(), let name = all["name"],
            all["name*"] == nil
        else { throw MultipartScanner.invalid("has a part without a readable name") }
        self.name = name
        isFile = all["filename"] != nil || all["filename*"] != nil
    }
}
