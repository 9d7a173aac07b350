extension Span<UInt8> {
    /// Whether `text`, all of it, is at `start`.
    package func has(_ text: StaticString, at start: Int) -> Bool {
        same(text, at: start, folding: 0)
    }

    /// Whether the bytes at `range`, among which is no control character, are `name`, whatever their case.
    ///
    /// - Parameter name: Lower-case letters, digits and hyphens: no other byte becomes one of them when its case is folded.
    package func hasName(_ name: StaticString, at range: Range<Int>) -> Bool {
        range.count == name.utf8CodeUnitCount && same(name, at: range.lowerBound, folding: 0x20)
    }

    /// Whether both hold the same bytes.
    package func isSame(as other: Span<UInt8>) -> Bool {
        guard count == other.count else { return false }
        var index = 0
        while count &- index >= 8 {
            guard
                bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
                    == other.bytes.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            else { return false }
            index &+= 8
        }
        while index < count, self[index] == other[index] { index &+= 1 }
        return index == count
    }

    /// Compares eight bytes at a time.
    ///
    /// - Parameter fold: Bits that are set in each byte before it is compared.
    @inline(__always)
    private func same(_ text: StaticString, at start: Int, folding fold: UInt8) -> Bool {
        let length = text.utf8CodeUnitCount
        guard start >= 0, count &- start >= length else { return false }
        guard length >= 8 else {
            for offset in 0..<length where self[start &+ offset] | fold != text.utf8Start[offset] { return false }
            return true
        }
        let folds = UInt64(fold) &* 0x0101_0101_0101_0101
        let other = UnsafeRawPointer(text.utf8Start)
        var offset = 0
        while true {
            let word = bytes.unsafeLoadUnaligned(fromByteOffset: start &+ offset, as: UInt64.self)
            guard word | folds == other.loadUnaligned(fromByteOffset: offset, as: UInt64.self) else { return false }
            if offset == length &- 8 { return true }
            // The last eight may have been looked at in part.
            offset = Swift.min(offset &+ 8, length &- 8)
        }
    }
}

extension String {
    /// Whether all bytes are such.
    @inlinable
    package func isOfBytes(_ holds: (UInt8) -> Bool) -> Bool {
        let bytes = utf8Span.span
        var index = 0
        while index < bytes.count, holds(bytes[index]) { index &+= 1 }
        return index == bytes.count
    }
}
