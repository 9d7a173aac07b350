package import GatehouseCore
package import NIOCore

/// Cuts a stream of bytes into lines, on byte 0x0A only: Unicode's other line breaks occur raw inside JSON strings.
///
/// The bytes held never exceed `lineLimit`; what is fed in all never exceeds `totalLimit`. It is counted while the
/// bytes come, so that an endless line costs no more than a long one.
package struct JSONLineFramer: Sendable {
    private let lineLimit: Int
    private let totalLimit: Int
    private var pending = ByteBuffer()
    /// Bytes of `pending` that are known to hold no line feed.
    private var searched = 0
    private var total = 0

    package init(lineLimit: Int = 8 << 20, totalLimit: Int = 256 << 20) {
        self.lineLimit = lineLimit
        self.totalLimit = totalLimit
    }

    /// Takes more bytes. Take all lines with `next()` before the next call.
    ///
    /// - Throws: `Failure` `.outputTooLarge`; the framer is of no use afterwards.
    package mutating func feed(_ bytes: ByteBuffer) throws(Failure) {
        total += bytes.readableBytes
        guard total <= totalLimit else {
            throw Failure(.outputTooLarge, detail: "more than \(totalLimit) bytes of output")
        }
        guard pending.readableBytes > 0 else {
            pending = bytes
            searched = 0
            return
        }
        guard pending.readableBytes + bytes.readableBytes <= lineLimit || bytes.readableBytesView.contains(0x0A) else {
            throw Failure(.outputTooLarge, detail: "a line of more than \(lineLimit) bytes")
        }
        // What was given out is let go of, or the buffer would grow with the whole stream.
        if pending.readerIndex > 0 { pending.discardReadBytes() }
        pending.writeImmutableBuffer(bytes)
    }

    /// The next whole line without its line feed and without a carriage return before it.
    ///
    /// - Throws: `Failure` `.outputTooLarge` when a line is longer than the limit.
    package mutating func next() throws(Failure) -> ByteBuffer? {
        let view = pending.readableBytesView.dropFirst(searched)
        guard let end = view.firstIndex(of: 0x0A) else {
            searched = pending.readableBytes
            guard searched <= lineLimit else {
                throw Failure(.outputTooLarge, detail: "a line of more than \(lineLimit) bytes")
            }
            return nil
        }
        let length = end - pending.readerIndex
        searched = 0
        guard length <= lineLimit, var line = pending.readSlice(length: length) else {
            throw Failure(.outputTooLarge, detail: "a line of more than \(lineLimit) bytes")
        }
        pending.moveReaderIndex(forwardBy: 1)
        if pending.readableBytes == 0 { pending = ByteBuffer() }
        if line.readableBytesView.last == 0x0D { line.moveWriterIndex(to: line.writerIndex - 1) }
        return line
    }

    /// What came after the last line feed, when the stream has ended.
    package mutating func last() -> ByteBuffer? {
        defer { pending = ByteBuffer() }
        return pending.readableBytes > 0 ? pending : nil
    }
}
