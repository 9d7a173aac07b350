/// Text that is being put together, up to a limit.
struct TextSink {
    static let limit = 4 << 20
    private(set) var bytes: [UInt8] = []

    mutating func append(_ text: some Collection<UInt8>) throws(ReadingFailure) {
        guard text.count <= Self.limit - bytes.count else { throw .limit }
        bytes += text
    }

    mutating func append(_ byte: UInt8) throws(ReadingFailure) {
        guard bytes.count < Self.limit else { throw .limit }
        bytes.append(byte)
    }

    mutating func append(_ scalar: Unicode.Scalar) throws(ReadingFailure) {
        try append(UTF8.encode(scalar).map(Array.init) ?? [])
    }

    /// A line of its own that says what comes.
    mutating func heading(_ text: String) throws(ReadingFailure) {
        try endLine()
        if !bytes.isEmpty { try append(0x0A) }
        try append("--- \(text) ---\n".utf8)
    }

    /// Begins a new line where none has begun, without the blanks in front of it.
    mutating func endLine() throws(ReadingFailure) {
        while let last = bytes.last, last == 0x20 || last == 0x09 { bytes.removeLast() }
        if let last = bytes.last, last != 0x0A { try append(0x0A) }
    }

    /// Ends a cell of a table.
    mutating func endCell() throws(ReadingFailure) {
        while bytes.last == 0x20 { bytes.removeLast() }
        try append(0x09)
    }

    /// A blank, where there is none yet.
    mutating func blank() throws(ReadingFailure) {
        guard let last = bytes.last, last != 0x20, last != 0x09, last != 0x0A else { return }
        try append(0x20)
    }
}
