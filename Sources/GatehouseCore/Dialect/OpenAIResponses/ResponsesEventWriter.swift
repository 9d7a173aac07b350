import NIOCore

/// Writes the events of a stream: their frame, their number, and the members that many of them share.
struct ResponsesEventWriter: Sendable {
    private var sequence: Int

    /// - Parameter next: The number of the first event.
    init(next: Int = 0) { sequence = next }

    /// Writes one event; `body` writes the members after `type` and `sequence_number`, each with a comma before it.
    mutating func write(_ type: StaticString, to buffer: inout ByteBuffer, _ body: (inout ByteBuffer) -> Void) {
        begin(type, to: &buffer)
        body(&buffer)
        Self.end(&buffer)
    }

    /// Opens an event up to the comma before its next member.
    mutating func begin(_ type: StaticString, to buffer: inout ByteBuffer) {
        buffer.writeStaticString("event: ")
        buffer.writeStaticString(type)
        buffer.writeStaticString("\ndata: {\"type\":\"")
        buffer.writeStaticString(type)
        buffer.writeStaticString("\",\"sequence_number\":")
        buffer.writeString(String(sequence))
        sequence &+= 1
    }

    static func end(_ buffer: inout ByteBuffer) { buffer.writeStaticString("}\n\n") }
}

/// How far a stream got that is passed on as its vendor wrote it.
package struct ResponsesRelayed: Sendable, Equatable {
    /// The number behind that of the last event.
    var count = 0
    /// The answer's id.
    var id: String?

    /// Takes note of an event.
    mutating func add(_ event: JSONValue) {
        count = (event["sequence_number"]?.count ?? count).capped(adding: 1)
        id = id ?? event["response"]?["id"]?.string
    }
}

/// JSON text of a string that grows, without its quotes.
struct GrowingText: Sendable {
    private(set) var escaped = ByteBuffer()

    var isEmpty: Bool { escaped.readableBytes == 0 }

    /// Appends `text` here, and as a JSON string of its own to `buffer`.
    mutating func append(_ text: String, alsoTo buffer: inout ByteBuffer) {
        let start = buffer.writerIndex
        JSONText.write(text, to: &buffer)
        let length = buffer.writerIndex - start - 2
        guard length > 0, let bytes = buffer.viewBytes(at: start + 1, length: length) else { return }
        escaped.writeBytes(bytes)
    }

    /// Writes the whole as a JSON string.
    func write(to buffer: inout ByteBuffer) {
        buffer.writeStaticString("\"")
        buffer.writeImmutableBuffer(escaped)
        buffer.writeStaticString("\"")
    }
}

extension ByteBuffer {
    /// Writes `,"key":` and a string.
    mutating func writeMember(_ key: StaticString, _ text: String) {
        writeKey(key)
        JSONText.write(text, to: &self)
    }

    mutating func writeMember(_ key: StaticString, _ number: Int) {
        writeKey(key)
        writeString(String(number))
    }

    mutating func writeMember(_ key: StaticString, _ value: JSONValue) {
        writeKey(key)
        write(value)
    }

    mutating func writeMember(_ key: StaticString, _ text: GrowingText) {
        writeKey(key)
        text.write(to: &self)
    }

    /// Writes `,"key":` and JSON that is written already.
    mutating func writeMember(_ key: StaticString, json: ByteBuffer) {
        writeKey(key)
        writeImmutableBuffer(json)
    }

    mutating func writeKey(_ key: StaticString) {
        writeStaticString(",\"")
        writeStaticString(key)
        writeStaticString("\":")
    }

    mutating func write(_ value: JSONValue) {
        var writer = JSONWriter()
        writer.value(value)
        writeImmutableBuffer(writer.buffer)
    }
}
