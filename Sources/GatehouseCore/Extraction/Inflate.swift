/// Unpacks what DEFLATE packed (RFC 1951), up to a known size.
struct Inflate {
    private let input: ArraySlice<UInt8>
    private var index: Int
    private var bits: UInt64 = 0
    private var bitCount = 0
    private var output: [UInt8] = []
    private let limit: Int

    /// - Parameter size: How much it is unpacked, at most.
    static func unpack(_ input: ArraySlice<UInt8>, size: Int) throws(ReadingFailure) -> [UInt8] {
        var inflate = Inflate(input, size)
        while try inflate.block() {}
        return inflate.output
    }

    private init(_ input: ArraySlice<UInt8>, _ size: Int) {
        self.input = input
        index = input.startIndex
        limit = size
        // What is said of its size is not believed before it is there.
        output.reserveCapacity(min(size, 1 << 20))
    }

    /// `false` after the last block.
    private mutating func block() throws(ReadingFailure) -> Bool {
        let isLast = try take(1) == 1
        switch try take(2) {
        case 0: try stored()
        case 1: try codes(Self.fixedLiterals, Self.fixedDistances)
        case 2:
            let (literals, distances) = try tables()
            try codes(literals, distances)
        default: throw .damaged
        }
        return !isLast
    }

    // MARK: Bits

    private mutating func fill() {
        while bitCount <= 56, index < input.endIndex {
            bits |= UInt64(input[index]) << UInt64(bitCount)
            index += 1
            bitCount += 8
        }
    }

    /// - Parameter count: Up to 16.
    private mutating func take(_ count: Int) throws(ReadingFailure) -> Int {
        if bitCount < count { fill() }
        guard bitCount >= count else { throw .damaged }
        let value = bits & (1 << UInt64(count) - 1)
        bits >>= UInt64(count)
        bitCount -= count
        return Int(value)
    }

    private mutating func symbol(_ table: HuffmanTable) throws(ReadingFailure) -> Int {
        if bitCount < 15 { fill() }
        let entry = table.entries[Int(bits & table.mask)]
        let length = Int(entry & 15)
        guard length > 0, length <= bitCount else { throw .damaged }
        bits >>= UInt64(length)
        bitCount -= length
        return Int(entry >> 4)
    }

    // MARK: Blocks

    private mutating func stored() throws(ReadingFailure) {
        _ = try take(bitCount & 7)
        let length = try take(16)
        let inverse = try take(16)
        guard length == inverse ^ 0xFFFF else { throw .damaged }
        guard length <= limit - output.count else { throw .unpacked }
        var left = length
        while left > 0, bitCount > 0 {
            output.append(UInt8(truncatingIfNeeded: try take(8)))
            left -= 1
        }
        guard left <= input.endIndex - index else { throw .damaged }
        output += input[index..<(index + left)]
        index += left
    }

    private mutating func codes(_ literals: HuffmanTable, _ distances: HuffmanTable) throws(ReadingFailure) {
        while true {
            let symbol = try symbol(literals)
            if symbol < 256 {
                guard output.count < limit else { throw .unpacked }
                output.append(UInt8(truncatingIfNeeded: symbol))
                continue
            }
            if symbol == 256 { return }
            guard symbol - 257 < Self.lengths.count else { throw .damaged }
            let length = Self.lengths[symbol - 257] + (try take(Self.lengthBits[symbol - 257]))
            let code = try self.symbol(distances)
            guard code < Self.distances.count else { throw .damaged }
            try copy(length, from: Self.distances[code] + (try take(code < 2 ? 0 : (code - 2) / 2)))
        }
    }

    private mutating func copy(_ length: Int, from distance: Int) throws(ReadingFailure) {
        guard distance <= output.count else { throw .damaged }
        guard length <= limit - output.count else { throw .unpacked }
        // A slice of the output would hold on to it, and each appending would copy it all.
        let start = output.count - distance
        for place in start..<(start + length) { output.append(output[place]) }
    }

    private mutating func tables() throws(ReadingFailure) -> (HuffmanTable, HuffmanTable) {
        let literals = try take(5) + 257
        let distances = try take(5) + 1
        let count = try take(4) + 4
        guard literals <= 286, distances <= 30 else { throw .damaged }
        var codeLengths = [UInt8](repeating: 0, count: 19)
        for place in Self.codeOrder.prefix(count) { codeLengths[place] = UInt8(truncatingIfNeeded: try take(3)) }
        let codes = try HuffmanTable(codeLengths[...])
        var lengths: [UInt8] = []
        while lengths.count < literals + distances {
            let symbol = try symbol(codes)
            switch symbol {
            case 0...15: lengths.append(UInt8(truncatingIfNeeded: symbol))
            case 16:
                guard let last = lengths.last else { throw .damaged }
                lengths += repeatElement(last, count: 3 + (try take(2)))
            case 17: lengths += repeatElement(0, count: 3 + (try take(3)))
            default: lengths += repeatElement(0, count: 11 + (try take(7)))
            }
        }
        guard lengths.count == literals + distances, lengths[256] > 0 else { throw .damaged }
        return (try HuffmanTable(lengths[..<literals]), try HuffmanTable(lengths[literals...]))
    }

    // MARK: Constants

    private static let codeOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    private static let lengths = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
        258,
    ]
    private static let lengthBits = [
        0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
    ]
    private static let distances = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
        6145, 8193, 12289, 16385, 24577,
    ]
    private static let fixedLiterals = HuffmanTable(
        unchecked: (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
    private static let fixedDistances = HuffmanTable(unchecked: [UInt8](repeating: 5, count: 30))
}

/// What each sequence of bits means, by the bits that come next.
private struct HuffmanTable {
    /// A symbol above the four bits of its length; a length of 0 for what no code begins with.
    private(set) var entries: [UInt16]
    let mask: UInt64

    /// - Throws: `damaged` when more codes are given than there can be.
    init(_ lengths: ArraySlice<UInt8>) throws(ReadingFailure) {
        // Codes of each length fill a share of all sequences; together they cannot fill more than all.
        let share = lengths.reduce(0) { $1 == 0 ? $0 : $0 + (1 << (15 - Int($1))) }
        guard share <= 1 << 15, lengths.allSatisfy({ $0 <= 15 }) else { throw .damaged }
        self.init(unchecked: Array(lengths))
    }

    init(unchecked lengths: [UInt8]) {
        let longest = max(1, Int(lengths.max() ?? 1))
        mask = 1 << UInt64(longest) - 1
        entries = [UInt16](repeating: 0, count: 1 << longest)
        var code = 0
        for length in 1...longest {
            for (symbol, own) in lengths.enumerated() where Int(own) == length {
                // The first bit of a code is its highest; bits come with the lowest first.
                var place = Self.reversed(code, length)
                while place < entries.count {
                    entries[place] = UInt16(symbol << 4 | length)
                    place += 1 << length
                }
                code += 1
            }
            code <<= 1
        }
    }

    private static func reversed(_ code: Int, _ length: Int) -> Int {
        (0..<length).reduce(0) { $0 << 1 | (code >> $1 & 1) }
    }
}
