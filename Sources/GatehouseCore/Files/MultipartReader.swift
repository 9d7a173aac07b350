package import NIOCore

/// Takes a `multipart/form-data` body (RFC 7578) apart as its bytes come.
///
/// What it holds is bounded by the headers of one part: data is given on as it comes. However the bytes are cut, the parts
/// are the same, and the work is in proportion to the bytes. Stricter than the RFCs wherever two readers could see two
/// bodies in one: lines end in CR LF, headers are not folded, a boundary stands alone on its line, each part has one name.
package struct MultipartReader: Sendable {
    package struct Limits: Sendable, Equatable {
        package var parts = 32
        /// Of one part.
        package var headerLines = 16
        package var headerBytes = 8 << 10
        /// Bytes in front of the first boundary, and behind the last.
        package var preamble = 1 << 10
        package var epilogue = 1 << 10

        package init() {}
    }

    package enum Event: Sendable, Equatable {
        /// - Parameter filename: As `FileName` takes it; `nil` for a field that is no file.
        case part(name: String, filename: String?, contentType: String?)
        /// Some of the part's bytes, never none.
        case data(ByteBuffer)
        /// The part is whole.
        case partEnd
        /// The body is whole, but for what may stand behind it.
        case end
    }

    private enum State {
        case preamble
        /// Behind a boundary: what follows tells whether it was the last.
        case boundary(endsPart: Bool)
        case headers
        /// At the line break in front of the data.
        case start(MultipartPartHead)
        case data
        /// Behind the last boundary.
        case closed, ended
    }

    private let limits: Limits
    /// CR LF, two dashes and the boundary.
    private let delimiter: [UInt8]
    private var state = State.preamble
    /// What came and is not understood yet.
    private var pending: ByteBuffer
    /// Bytes of `pending` in which no blank line begins.
    private var searched = 0
    private var skipped = 0
    private var parts = 0
    private var queued: Event?
    private var fault: GatehouseError?
    /// Where `pending` begins in the body.
    private(set) var offset = -2

    /// - Parameter boundary: As `MultipartBoundary` reads it.
    package init(boundary: String, limits: Limits = Limits()) {
        self.limits = limits
        delimiter = Array("\r\n--\(boundary)".utf8)
        // The first boundary is found like all others, by the line break in front of it.
        pending = ByteBuffer(string: "\r\n")
        if !MultipartBoundary.isLegal(boundary) { fault = Self.bad("has a boundary that RFC 2046 does not allow") }
    }

    /// Takes bytes as they come. Take all events with `next()` before the next call.
    package mutating func feed(_ buffer: ByteBuffer) {
        guard fault == nil, buffer.readableBytes > 0 else { return }
        if pending.readableBytes == 0 {
            pending = buffer
        } else {
            if pending.readerIndex > 0 { pending.discardReadBytes() }
            pending.writeImmutableBuffer(buffer)
        }
    }

    /// The next event; `nil` when more bytes are needed.
    ///
    /// - Throws: `bad_multipart` for what is no such body, or is beyond the limits; from then on always.
    package mutating func next() throws(GatehouseError) -> Event? {
        if let fault { throw fault }
        do throws(GatehouseError) {
            while true {
                if let event = queued.take() { return event }
                guard try step() else { break }
            }
        } catch {
            fault = error
            pending = ByteBuffer()
            throw error
        }
        if pending.readableBytes == 0 { pending = ByteBuffer() }
        return nil
    }

    /// The body ended, and `next()` has no more events.
    ///
    /// - Throws: `bad_multipart` when its last boundary is missing.
    package mutating func finish() throws(GatehouseError) {
        if let fault { throw fault }
        guard case .ended = state else {
            let error = Self.bad("ends before its last boundary")
            fault = error
            throw error
        }
    }

    /// Understands one thing; `false` when more bytes are needed.
    private mutating func step() throws(GatehouseError) -> Bool {
        switch state {
        case .preamble: try preamble()
        case .boundary(let endsPart): try boundary(endsPart: endsPart)
        case .headers: try headers()
        case .start(let head): try start(head)
        case .data: data()
        case .closed: close()
        case .ended: try ended()
        }
    }

    private mutating func close() -> Bool {
        state = .ended
        skipped = 0
        queued = .end
        return true
    }

    private mutating func preamble() throws(GatehouseError) -> Bool {
        let found = Self.search(delimiter, in: pending.readableBytesUInt8Span)
        skipped = skipped.capped(adding: found)
        guard skipped <= limits.preamble else {
            throw Self.bad(limits.preamble == 0 ? "must begin with its boundary" : "has too much in front of its parts")
        }
        take(found)
        guard pending.readableBytes >= delimiter.count else { return false }
        take(delimiter.count)
        state = .boundary(endsPart: false)
        return true
    }

    private mutating func boundary(endsPart: Bool) throws(GatehouseError) -> Bool {
        let next = Array(pending.readableBytesView.prefix(2))
        guard next.count == 2 else { return false }
        if next == Array("\r\n".utf8) {
            state = .headers
            queued = endsPart ? .partEnd : nil
        } else if next == Array("--".utf8) {
            state = .closed
            queued = endsPart ? .partEnd : nil
        } else {
            throw Self.bad("has a boundary that does not stand alone on its line")
        }
        take(2)
        return true
    }

    private mutating func headers() throws(GatehouseError) -> Bool {
        let view = pending.readableBytesView.prefix(limits.headerBytes)
        guard let end = Self.blankLine(view, from: searched) else {
            guard pending.readableBytes < limits.headerBytes else { throw Self.bad("has a part with large headers") }
            searched = max(0, pending.readableBytes - 3)
            return false
        }
        searched = 0
        parts += 1
        guard parts <= limits.parts else { throw Self.bad("has more than \(limits.parts) parts") }
        let head = try MultipartPartHead(view.prefix(end), limit: limits.headerLines)
        take(end)
        state = .start(head)
        return true
    }

    /// Some readers take the blank line in front of a boundary for its own line break: the part would have no data, and
    /// not all that follows up to the next one.
    private mutating func start(_ head: MultipartPartHead) throws(GatehouseError) -> Bool {
        if Self.search(delimiter, in: pending.readableBytesUInt8Span) == 0 {
            guard pending.readableBytes < delimiter.count else {
                throw Self.bad("has a part without a blank line behind its headers")
            }
            return false
        }
        take(2)
        state = .data
        queued = .part(name: head.name, filename: head.filename, contentType: head.contentType)
        return true
    }

    /// Where the header lines end, the CR LF of the last one included.
    private static func blankLine(_ view: ByteBufferView, from start: Int) -> Int? {
        if view.starts(with: "\r\n".utf8) { return 0 }
        var matched: UInt32 = 0
        var count = start
        for byte in view.dropFirst(start) {
            count += 1
            matched = matched << 8 | UInt32(byte)
            if matched == 0x0D0A_0D0A { return count - 2 }
        }
        return nil
    }

    private mutating func data() -> Bool {
        let length = pending.readableBytes
        let found = Self.search(delimiter, in: pending.readableBytesUInt8Span)
        if found > 0 {
            queued = pending.getSlice(at: pending.readerIndex, length: found).map { .data($0) }
            take(found)
            return true
        }
        guard length >= delimiter.count else { return false }
        take(delimiter.count)
        state = .boundary(endsPart: true)
        return true
    }

    /// Nothing may follow but a line break and a little text.
    private mutating func ended() throws(GatehouseError) -> Bool {
        let view = pending.readableBytesView
        let lineBreak = "\r\n".utf8.dropFirst(min(skipped, 2)).prefix(view.count)
        skipped = skipped.capped(adding: view.count)
        guard view.starts(with: lineBreak), skipped <= limits.epilogue.capped(adding: 2) else {
            throw Self.bad("goes on behind its last boundary")
        }
        take(view.count)
        return false
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

    private mutating func take(_ count: Int) {
        pending.moveReaderIndex(forwardBy: count)
        offset = offset.capped(adding: count)
    }

    static func bad(_ rule: String) -> GatehouseError {
        GatehouseError(.badMultipart, "The multipart body \(rule).", param: "body")
    }
}
