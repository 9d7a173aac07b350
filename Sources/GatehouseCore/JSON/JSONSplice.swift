package import NIOCore

/// Replacements within a text, to be made in one pass.
package struct JSONSplice: Sendable, Equatable {
    package struct Edit: Sendable, Equatable {
        package var range: Range<Int>
        package var replacement: [UInt8]
    }

    package private(set) var edits: [Edit] = []

    package init() {}

    /// Replaces `range` (offsets from the first readable byte; empty to insert). Edits may come in any order but must
    /// not overlap.
    package mutating func replace(_ range: Range<Int>, with replacement: [UInt8]) {
        let place = edits.firstIndex { $0.range.lowerBound > range.lowerBound } ?? edits.endIndex
        edits.insert(Edit(range: range, replacement: replacement), at: place)
    }

    /// How many bytes the edits add; negative when they take away.
    package var growth: Int {
        edits.reduce(0) { $0 + $1.replacement.count - $1.range.count }
    }

    /// The text with all edits made. Edits outside of it are left out.
    package func applied(to source: ByteBuffer) -> ByteBuffer {
        guard !edits.isEmpty else { return source }
        var result = ByteBuffer()
        result.reserveCapacity(max(0, source.readableBytes + growth))
        write(source, to: &result)
        return result
    }

    /// Appends the text with all edits made to `target`.
    package func write(_ source: ByteBuffer, to target: inout ByteBuffer) {
        var done = 0
        for edit in edits where edit.range.lowerBound >= done && edit.range.upperBound <= source.readableBytes {
            copy(done..<edit.range.lowerBound, of: source, to: &target)
            target.writeBytes(edit.replacement)
            done = edit.range.upperBound
        }
        copy(done..<source.readableBytes, of: source, to: &target)
    }

    private func copy(_ range: Range<Int>, of source: ByteBuffer, to target: inout ByteBuffer) {
        guard let slice = source.getSlice(at: source.readerIndex + range.lowerBound, length: range.count) else {
            return
        }
        target.writeImmutableBuffer(slice)
    }
}
