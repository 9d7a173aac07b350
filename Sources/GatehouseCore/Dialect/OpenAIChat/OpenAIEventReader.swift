import NIOCore

/// Reads the events of a stream of the OpenAI family: JSON objects, and `[DONE]`.
struct OpenAIEventReader: Sendable {
    enum Item {
        case object(JSONValue)
        case done
    }

    private var parser = SSEParser()

    mutating func append(_ bytes: ByteBuffer) { parser.append(bytes) }

    /// The next whole event that carries something; `nil` until more bytes come.
    ///
    /// - Throws: `Failure(.protocol)` for what is no JSON object, the failure of an error event.
    mutating func next() throws(Failure) -> Item? {
        while let frame = try parser.next() {
            defer { _ = parser.take(upTo: parser.cursor) }
            if let item = try item(frame) { return item }
        }
        return nil
    }

    /// What the bytes behind the last blank line are: the terminator, something cut, or nothing (`nil`).
    mutating func last() -> (isDone: Bool, isCut: Bool) {
        guard parser.unfinishedBytes > 0 else { return (false, false) }
        guard let frame = parser.last(), case .line(let range) = frame.payload else { return (false, true) }
        let isDone = parser.withBytes(range) { Self.isDone($0) }
        return (isDone, !isDone)
    }

    private func item(_ frame: SSEFrame) throws(Failure) -> Item? {
        switch frame.payload {
        case .none: return nil
        case .joined(let data): return try Self.item(data.readableBytesUInt8Span)
        case .line(let range):
            if range.isEmpty { return nil }
            return try parser.withBytes(range) { (span) throws(Failure) in try Self.item(span) }
        }
    }

    private static func item(_ data: Span<UInt8>) throws(Failure) -> Item {
        if isDone(data) { return .done }
        let value: JSONValue
        do throws(JSONError) {
            value = try data.withUnsafeBufferPointer { (bytes) throws(JSONError) in
                try JSONValue(parsing: bytes, limits: .lenient)
            }
        } catch {
            throw Failure(.protocol, detail: "event is not JSON: \(error.kind.rawValue) at \(error.offset)")
        }
        guard value.object != nil else { throw Failure(.protocol, detail: "event is not a JSON object") }
        if OpenAIFailure.isError(value) { throw OpenAIFailure.classify(errorObject: data, in: data) }
        return .object(value)
    }

    private static func isDone(_ data: Span<UInt8>) -> Bool {
        let word: StaticString = "[DONE]"
        guard data.count >= 6, data.count <= 8 else { return false }
        for offset in 0..<6 where data[offset] != word.utf8Start[offset] { return false }
        for offset in 6..<data.count where data[offset] != 0x20 { return false }
        return true
    }
}
