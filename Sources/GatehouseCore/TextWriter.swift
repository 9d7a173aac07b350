package import NIOCore

/// Writes text piece by piece into plain memory: for what is made of many small pieces, each of which costs more to add to
/// a `ByteBuffer` than it is long.
///
/// Memory of its own grows. Into memory that was lent what does not fit is left out, and then `isFull`.
package struct TextWriter: ~Copyable {
    @usableFromInline private(set) var memory: UnsafeMutableRawBufferPointer
    private let isOwn: Bool
    /// Bytes written so far.
    @usableFromInline package private(set) var count = 0
    package private(set) var isFull = false

    /// `memory` must stay valid as long as the writer is used.
    package init(_ memory: UnsafeMutableRawBufferPointer) {
        self.memory = memory
        isOwn = false
    }

    /// - Parameter capacity: Bytes to begin with.
    package init(capacity: Int) {
        memory = .allocate(byteCount: max(16, capacity), alignment: 16)
        isOwn = true
    }

    deinit {
        if isOwn { memory.deallocate() }
    }

    /// Looks at what was written.
    package func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        body(UnsafeRawBufferPointer(rebasing: memory[..<count]))
    }

    @inlinable
    package mutating func literal(_ text: StaticString) {
        bytes(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    package mutating func text(_ text: borrowing String) {
        text.utf8Span.span.withUnsafeBytes { bytes($0) }
    }

    @inlinable
    package mutating func bytes(_ bytes: UnsafeRawBufferPointer) {
        guard let target = room(for: bytes.count), let source = bytes.baseAddress else { return }
        target.copyMemory(from: source, byteCount: bytes.count)
    }

    @inlinable
    package mutating func byte(_ byte: UInt8) {
        room(for: 1)?.storeBytes(of: byte, as: UInt8.self)
    }

    /// A number in decimal digits, with zeros before it where it has fewer than `minimum`.
    package mutating func decimal(_ number: UInt64, minimum: Int = 1) {
        if number < 10, minimum <= 1 { return byte(UInt8(truncatingIfNeeded: number) | 0x30) }
        var limit: UInt64 = 10
        var digits = 1
        while digits < 20, digits < minimum || number >= limit {
            digits += 1
            limit = limit.multipliedReportingOverflow(by: 10).overflow ? .max : limit &* 10
        }
        guard let target = room(for: digits) else { return }
        var rest = number
        var place = digits
        while place > 0 {
            place &-= 1
            let tens = rest / 10
            target.storeBytes(
                of: UInt8(truncatingIfNeeded: rest &- tens &* 10) | 0x30, toByteOffset: place, as: UInt8.self)
            rest = tens
        }
    }

    /// A number in hexadecimal digits.
    package mutating func hexadecimal(_ number: UInt64) {
        let digits = Swift.max(1, (64 - number.leadingZeroBitCount + 3) / 4)
        guard let target = room(for: digits) else { return }
        var rest = number
        for place in (0..<digits).reversed() {
            let digit = UInt8(truncatingIfNeeded: rest & 15)
            target.storeBytes(of: digit < 10 ? digit | 0x30 : digit + 87, toByteOffset: place, as: UInt8.self)
            rest >>= 4
        }
    }

    /// A JSON string, quotes included.
    package mutating func quoted(_ text: borrowing String) {
        let span = text.utf8Span.span
        span.withUnsafeBytes { part in
            guard JSONText.isPlain(part) else { return JSONText.quoted(bytes: part).withUnsafeBytes { bytes($0) } }
            byte(UInt8(ascii: "\""))
            bytes(part)
            byte(UInt8(ascii: "\""))
        }
    }

    /// Where the next bytes go; `nil` when there is not enough room.
    @inlinable
    mutating func room(for length: Int) -> UnsafeMutableRawPointer? {
        if memory.count &- count < length { grow(by: length) }
        guard let base = memory.baseAddress, memory.count &- count >= length else { return nil }
        defer { count &+= length }
        return base + count
    }

    @usableFromInline
    mutating func grow(by length: Int) {
        guard isOwn else {
            isFull = true
            return
        }
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: (count &+ length) &* 2, alignment: 16)
        larger.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[..<count]))
        memory.deallocate()
        memory = larger
    }
}

extension ByteBuffer {
    /// Appends what `body` writes.
    ///
    /// - Parameters:
    ///   - room: Bytes that are enough in nearly all cases.
    ///   - body: Called again, with more room, when they are not.
    @inline(__always)
    package mutating func writeText(room: Int, _ body: (inout TextWriter) -> Void) {
        var room = room
        while !fits(room, body) { room &*= 4 }
    }

    @inline(__always)
    private mutating func fits(_ room: Int, _ body: (inout TextWriter) -> Void) -> Bool {
        var isFull = false
        writeWithUnsafeMutableBytes(minimumWritableBytes: room) { memory in
            var writer = TextWriter(memory)
            body(&writer)
            isFull = writer.isFull
            return isFull ? 0 : writer.count
        }
        return !isFull
    }
}
