package import NIOCore

/// Writes messages of `application/vnd.amazon.eventstream`.
package enum EventStreamWriter {
    /// Headers as they stand in a message; the same for all messages of a kind, so made once.
    package static func headers(_ headers: [EventStreamHeader]) -> ByteBuffer {
        var buffer = ByteBuffer()
        for header in headers { header.write(to: &buffer) }
        return buffer
    }

    /// The headers of a JSON message of the kind `kind`: an event, or an exception.
    package static func headers(_ type: String, _ kind: String) -> ByteBuffer {
        headers([
            EventStreamHeader(":\(type)-type", .string(kind)),
            EventStreamHeader(":content-type", .string("application/json")),
            EventStreamHeader(":message-type", .string(type)),
        ])
    }

    /// Appends a message whose payload `payload` writes.
    package static func write(
        headers: ByteBuffer, to buffer: inout ByteBuffer, payload: (inout ByteBuffer) -> Void
    ) {
        let start = buffer.writerIndex
        buffer.writeMultipleIntegers(UInt32(0), UInt32(truncatingIfNeeded: headers.readableBytes), UInt32(0))
        buffer.writeImmutableBuffer(headers)
        payload(&buffer)
        let length = buffer.writerIndex - start + 4
        buffer.setInteger(UInt32(truncatingIfNeeded: length), at: start)
        buffer.setInteger(checksum(buffer, start, 8), at: start + 8)
        buffer.writeInteger(checksum(buffer, start, length - 4))
    }

    private static func checksum(_ buffer: ByteBuffer, _ start: Int, _ length: Int) -> UInt32 {
        let from = start - buffer.readerIndex
        return CRC32.checksum(buffer.readableBytesUInt8Span.extracting(from..<from + length))
    }
}
