/// A string within JSON text: where its content lies, quotes excluded.
package struct JSONStringRange: Sendable, Equatable {
    package var content: Range<Int>
    package var hasEscapes: Bool

    /// The string with its quotes.
    package var quoted: Range<Int> { content.lowerBound - 1..<content.upperBound + 1 }
}

extension JSONScanner {
    /// Steps over a string, checking escapes and control characters. UTF-8 is checked elsewhere, for the whole text.
    @inline(__always)
    package static func skipString(
        _ bytes: Span<UInt8>, _ index: inout Int
    ) throws(JSONSyntaxError) -> JSONStringRange {
        let start = index
        if start < bytes.count, bytes[start] == UInt8(ascii: "\"") {
            // Most strings are nothing but plain bytes.
            let end = plainEnd(bytes, from: start &+ 1)
            if end < bytes.count, bytes[end] == UInt8(ascii: "\"") {
                index = end &+ 1
                return JSONStringRange(content: Range(uncheckedBounds: (start &+ 1, end)), hasEscapes: false)
            }
        }
        return try skipAnyString(bytes, &index)
    }

    private static func skipAnyString(
        _ bytes: Span<UInt8>, _ index: inout Int
    ) throws(JSONSyntaxError) -> JSONStringRange {
        try expect(UInt8(ascii: "\""), bytes, &index)
        let start = index
        var hasEscapes = false
        while true {
            index = plainEnd(bytes, from: index)
            switch try peek(bytes, index) {
            case UInt8(ascii: "\""):
                index += 1
                return JSONStringRange(content: start..<index - 1, hasEscapes: hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                try skipEscape(bytes, &index)
            default: throw JSONSyntaxError(.controlCharacter, at: index)
            }
        }
    }

    /// Where the bytes end that need no look, seen sixteen at a time: no quote, no backslash, no control character.
    @inline(__always)
    private static func plainEnd(_ bytes: Span<UInt8>, from start: Int) -> Int {
        let raw = bytes.bytes
        var index = start
        while raw.byteCount &- index >= 16 {
            let first = special(raw.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
            let second = special(raw.unsafeLoadUnaligned(fromByteOffset: index &+ 8, as: UInt64.self))
            if first | second == 0 {
                index &+= 16
                continue
            }
            return first != 0
                ? index &+ first.trailingZeroBitCount / 8 : index &+ 8 &+ second.trailingZeroBitCount / 8
        }
        return plainEndOfLast(bytes, from: index)
    }

    /// The same in the last few bytes of a text.
    @inline(never)
    private static func plainEndOfLast(_ bytes: Span<UInt8>, from start: Int) -> Int {
        var index = start
        while index < bytes.count, bytes[index] >= 0x20, bytes[index] != UInt8(ascii: "\""),
            bytes[index] != UInt8(ascii: "\\")
        {
            index += 1
        }
        return index
    }

    /// The highest bit of each byte that is a quote, a backslash or a control character; of those above the lowest one it
    /// may be wrong.
    @inline(__always)
    private static func special(_ bytes: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let word = UInt64(littleEndian: bytes)
        // The highest bit of a byte that is neither stays what it is in both differences.
        let quote = (word ^ (ones &* 0x22)) &- ones
        let slash = (word ^ (ones &* 0x5C)) &- ones
        let control = word &- (ones &* 0x20)
        return (quote | slash | control) & ~word & (ones &* 0x80)
    }

    private static func skipEscape(_ bytes: Span<UInt8>, _ index: inout Int) throws(JSONSyntaxError) {
        let start = index
        index += 1
        switch try peek(bytes, index) {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            index += 1
        case UInt8(ascii: "u"):
            index += 1
            let unit = try hexUnit(bytes, &index)
            switch unit {
            case 0xD800...0xDBFF:
                guard index + 1 < bytes.count, bytes[index] == UInt8(ascii: "\\"), bytes[index + 1] == UInt8(ascii: "u")
                else { throw JSONSyntaxError(.loneSurrogate, at: start) }
                index += 2
                guard case 0xDC00...0xDFFF = try hexUnit(bytes, &index) else {
                    throw JSONSyntaxError(.loneSurrogate, at: start)
                }
            case 0xDC00...0xDFFF: throw JSONSyntaxError(.loneSurrogate, at: start)
            default: break
            }
        default: throw JSONSyntaxError(.invalidEscape, at: start)
        }
    }

    /// Reads four hexadecimal digits.
    private static func hexUnit(_ bytes: Span<UInt8>, _ index: inout Int) throws(JSONSyntaxError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            let byte = try peek(bytes, index)
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw JSONSyntaxError(.invalidEscape, at: index)
            }
            unit = unit << 4 | UInt32(digit)
            index += 1
        }
        return unit
    }

    /// Steps over a number. Only a number with an exponent, or a very long one, can overflow a double; these are tried.
    static func skipNumber(_ bytes: Span<UInt8>, _ index: inout Int) throws(JSONSyntaxError) {
        let start = index
        if try peek(bytes, index) == UInt8(ascii: "-") { index += 1 }
        if try peek(bytes, index) == UInt8(ascii: "0") {
            index += 1
        } else {
            try skipDigits(bytes, &index)
        }
        // Nearly all numbers are whole ones and end here.
        guard index - start > 300 || index < bytes.count && isFraction(bytes[index]) else { return }
        try skipFraction(bytes, &index, from: start)
    }

    private static func isFraction(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: ".") || byte | 0x20 == UInt8(ascii: "e")
    }

    private static func skipFraction(
        _ bytes: Span<UInt8>, _ index: inout Int, from start: Int
    ) throws(JSONSyntaxError) {
        if index < bytes.count, bytes[index] == UInt8(ascii: ".") {
            index += 1
            try skipDigits(bytes, &index)
        }
        var mayOverflow = index - start > 300
        if index < bytes.count, bytes[index] | 0x20 == UInt8(ascii: "e") {
            mayOverflow = true
            index += 1
            let sign = try peek(bytes, index)
            if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { index += 1 }
            try skipDigits(bytes, &index)
        }
        guard index - start <= 512 else { throw JSONSyntaxError(.invalidNumber, at: start) }
        if mayOverflow, Double(text(bytes, start..<index))?.isFinite != true {
            throw JSONSyntaxError(.invalidNumber, at: start)
        }
    }

    private static func skipDigits(_ bytes: Span<UInt8>, _ index: inout Int) throws(JSONSyntaxError) {
        let start = index
        var end = start
        while end < bytes.count, bytes[end] &- UInt8(ascii: "0") < 10 { end += 1 }
        index = end
        guard end > start else {
            throw JSONSyntaxError(end < bytes.count ? .invalidNumber : .unexpectedEnd, at: end)
        }
    }

    /// The bytes of `range` as text, broken UTF-8 replaced.
    package static func text(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String {
        guard range.lowerBound >= 0, range.upperBound <= bytes.count else { return "" }
        let part = bytes.extracting(range)
        return String(unsafeUninitializedCapacity: part.count) { target in
            for offset in 0..<part.count { target.initializeElement(at: offset, to: part[offset]) }
            return part.count
        }
    }

    /// The value of a string that `skipString` accepted.
    package static func string(_ bytes: Span<UInt8>, _ range: JSONStringRange) -> String {
        guard range.hasEscapes else { return text(bytes, range.content) }
        return String(decoding: unescaped(bytes, range.content), as: UTF8.self)
    }

    /// UTF-8 of a string's content with escapes resolved.
    static func unescaped(_ bytes: Span<UInt8>, _ content: Range<Int>) -> [UInt8] {
        var out: [UInt8] = []
        out.reserveCapacity(content.count)
        var index = content.lowerBound
        while index < content.upperBound {
            guard bytes[index] == UInt8(ascii: "\\"), index + 1 < content.upperBound else {
                out.append(bytes[index])
                index += 1
                continue
            }
            index += 1
            switch bytes[index] {
            case UInt8(ascii: "b"): out.append(0x08)
            case UInt8(ascii: "f"): out.append(0x0C)
            case UInt8(ascii: "n"): out.append(0x0A)
            case UInt8(ascii: "r"): out.append(0x0D)
            case UInt8(ascii: "t"): out.append(0x09)
            case UInt8(ascii: "u"):
                index += 1
                appendScalar(bytes, &index, to: &out)
                continue
            default: out.append(bytes[index])
            }
            index += 1
        }
        return out
    }

    private static func appendScalar(_ bytes: Span<UInt8>, _ index: inout Int, to out: inout [UInt8]) {
        guard let high = try? hexUnit(bytes, &index) else { return }
        var value = high
        if case 0xD800...0xDBFF = high {
            index += 2
            guard let low = try? hexUnit(bytes, &index), low >= 0xDC00 else { return }
            value = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(value) else { return }
        out.append(contentsOf: Array(String(Character(scalar)).utf8))
    }

    /// A number as a whole number, when it is written as one and fits.
    package static func integer(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int? {
        guard range.lowerBound >= 0, range.upperBound <= bytes.count, !range.isEmpty else { return nil }
        let isNegative = bytes[range.lowerBound] == UInt8(ascii: "-")
        var value = 0
        var index = range.lowerBound + (isNegative ? 1 : 0)
        guard index < range.upperBound else { return nil }
        while index < range.upperBound {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            // Counted below zero, as there is one number more there.
            let (next, further) = tens.subtractingReportingOverflow(Int(digit))
            guard !overflow, !further else { return nil }
            value = next
            index += 1
        }
        if isNegative { return value }
        return value == .min ? nil : -value
    }
}
