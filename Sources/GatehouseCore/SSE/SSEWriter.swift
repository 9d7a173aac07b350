package import NIOCore

/// Writes server-sent events.
package enum SSEWriter {
    /// Writes an event with one `data` line. `data` must hold no line break: compact JSON never does.
    package static func write(data: ByteBuffer, to buffer: inout ByteBuffer) {
        buffer.writeStaticString("data: ")
        buffer.writeImmutableBuffer(data)
        buffer.writeStaticString("\n\n")
    }

    /// Writes a comment, which clients skip; line breaks in it become blanks.
    package static func write(comment: String, to buffer: inout ByteBuffer) {
        buffer.writeStaticString(": ")
        buffer.writeString(String(comment.unicodeScalars.map { $0 == "\n" || $0 == "\r" ? " " : Character($0) }))
        buffer.writeStaticString("\n\n")
    }
}
