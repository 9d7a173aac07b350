import NIOCore

/// Cuts a stream into JSON documents, whatever the sizes in which its bytes come: server-sent events (`alt=sse`), or
/// the one JSON array that Google sends without it. A lone object (an error body) counts as an array of one.
struct GeminiFraming: Sendable {
    /// Bytes of one document; a picture is one.
    static let maximumDocument = 32 << 20

    private enum Form { case unknown, events, array }

    private var form = Form.unknown
    private var events = SSEParser(maximumFrame: GeminiFraming.maximumDocument)
    private var array = JSONElements(maximum: GeminiFraming.maximumDocument)

    init() {}

    mutating func append(_ bytes: ByteBuffer) {
        var bytes = bytes
        if form == .unknown {
            // A byte order mark and blanks may come first.
            let skipped: Set<UInt8> = [0xEF, 0xBB, 0xBF, 0x20, 0x09, 0x0A, 0x0D]
            let blanks = bytes.readableBytesView.prefix { skipped.contains($0) }.count
            bytes.moveReaderIndex(forwardBy: blanks)
            guard let first = bytes.readableBytesView.first else { return }
            form = first == UInt8(ascii: "[") || first == UInt8(ascii: "{") ? .array : .events
        }
        if form == .events { events.append(bytes) } else { array.append(bytes) }
    }

    /// The next whole document, or `nil` until more bytes come.
    ///
    /// - Throws: `Failure(.protocol)` for what is neither form, or too large.
    mutating func next() throws(Failure) -> ByteBuffer? {
        guard form == .events else { return try array.next() }
        while let frame = try events.next() {
            if let document = document(frame) { return document }
        }
        return nil
    }

    /// What is left when the transport ended: an event whose blank line is missing.
    mutating func last() -> ByteBuffer? {
        guard form == .events, let frame = events.last() else { return nil }
        return document(frame)
    }

    /// Whether the form itself was whole: an array must have been closed.
    var isWhole: Bool { form != .array || array.isClosed }

    private mutating func document(_ frame: SSEFrame) -> ByteBuffer? {
        let bytes = events.take(upTo: frame.range.upperBound)
        switch frame.payload {
        case .none: return nil
        case .joined(let data): return data
        case .line(let range):
            return bytes.getSlice(at: bytes.readerIndex + range.lowerBound, length: range.count)
        }
    }
}

/// Cuts the elements out of a JSON array of objects, byte by byte. Whether each is JSON is for its parser to say.
struct JSONElements: Sendable {
    private let maximum: Int
    private var pending = ByteBuffer()
    private var scan = Scan()
    private var isArray = false
    /// The array was closed, or the lone object ended.
    private(set) var isClosed = false

    init(maximum: Int) { self.maximum = maximum }

    mutating func append(_ bytes: ByteBuffer) {
        if pending.readableBytes == 0 { pending = bytes } else { pending.writeImmutableBuffer(bytes) }
    }

    mutating func next() throws(Failure) -> ByteBuffer? {
        if scan.depth == 0 {
            guard try begin() else { return nil }
        }
        var scan = scan
        let end = scan.end(pending.readableBytesUInt8Span)
        self.scan = scan
        guard let end else {
            guard pending.readableBytes <= maximum else {
                throw Failure(.protocol, detail: "element larger than \(maximum) bytes")
            }
            return nil
        }
        self.scan = Scan()
        if !isArray { isClosed = true }
        return pending.readSlice(length: end)
    }

    /// Moves to the first byte of the next element; `false` when there is none yet.
    private mutating func begin() throws(Failure) -> Bool {
        while let byte = pending.readableBytesView.first {
            switch byte {
            case UInt8(ascii: "{") where !isClosed: return true
            case UInt8(ascii: "[") where !isArray && !isClosed: isArray = true
            case UInt8(ascii: "]") where isArray: isClosed = true
            case UInt8(ascii: ","), UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"):
                break
            default: throw Failure(.protocol, detail: "a byte that no array of objects has")
            }
            pending.moveReaderIndex(forwardBy: 1)
        }
        return false
    }

    /// The search for the end of one element.
    private struct Scan {
        /// Up to where it was searched, from the element's first byte.
        var searched = 0
        var depth = 0
        var isInString = false
        var isEscaped = false

        /// Where the element ends; `nil` until more bytes come.
        mutating func end(_ bytes: Span<UInt8>) -> Int? {
            while searched < bytes.count {
                let byte = bytes[searched]
                searched += 1
                if isInString {
                    readString(byte)
                    continue
                }
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    if depth == 0 { return searched }
                default: break
                }
            }
            return nil
        }

        private mutating func readString(_ byte: UInt8) {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
        }
    }
}
