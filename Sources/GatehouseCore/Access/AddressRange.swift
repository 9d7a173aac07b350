/// An IP address; one of version 4 is what RFC 4291 §2.5.5.2 maps it to.
package struct IPAddress: Sendable, Hashable {
    let high: UInt64
    let low: UInt64

    private init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    private static let four: UInt64 = 0xFFFF_0000_0000

    package var isFour: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// As it is written in text: `192.0.2.1`, `2001:db8::1`, `::ffff:192.0.2.1`. A zone behind `%` is left out of account.
    package init?(_ text: some StringProtocol) {
        guard text.utf8.count <= 64 else { return nil }
        let text = text.prefix { $0 != "%" }
        guard text.utf8.contains(UInt8(ascii: ":")) else {
            guard let word = Self.dotted(text) else { return nil }
            self.init(high: 0, low: Self.four | UInt64(word))
            return
        }
        guard let groups = Self.groups(text) else { return nil }
        func half(_ part: ArraySlice<UInt16>) -> UInt64 { part.reduce(0) { $0 << 16 | UInt64($1) } }
        self.init(high: half(groups[..<4]), low: half(groups[4...]))
    }

    private static func dotted(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var word: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let octet = UInt8(part)
            else { return nil }
            word = word << 8 | UInt32(octet)
        }
        return word
    }

    /// The eight groups of an address of version 6, zeros filled in.
    private static func groups(_ text: some StringProtocol) -> [UInt16]? {
        let bytes = Array(text.utf8)
        let colon = UInt8(ascii: ":")
        let gap = bytes.indices.dropLast().first { bytes[$0] == colon && bytes[$0 + 1] == colon }
        guard let gap else {
            return side(bytes[...], isLast: true).flatMap { $0.count == 8 ? $0 : nil }
        }
        guard let left = side(bytes[..<gap], isLast: false), let right = side(bytes[(gap + 2)...], isLast: true),
            left.count + right.count < 8
        else { return nil }
        return left + Array(repeating: 0, count: 8 - left.count - right.count) + right
    }

    /// The groups on one side of a double colon; the last of an address may be one of version 4.
    private static func side(_ bytes: ArraySlice<UInt8>, isLast: Bool) -> [UInt16]? {
        guard !bytes.isEmpty else { return [] }
        var groups: [UInt16] = []
        let pieces = bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        for (index, piece) in pieces.enumerated() {
            let text = String(decoding: piece, as: UTF8.self)
            if isLast, index == pieces.count - 1, let word = dotted(text) {
                groups += [UInt16(word >> 16), UInt16(word & 0xFFFF)]
            } else {
                guard (1...4).contains(piece.count), piece.allSatisfy(isHex), let group = UInt16(text, radix: 16) else {
                    return nil
                }
                groups.append(group)
            }
        }
        return groups
    }

    private static func isHex(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
        default: false
        }
    }
}

/// An address, or a network in the form `ADDRESS/BITS`.
package struct AddressRange: Sendable, Equatable {
    /// As it was written.
    package let text: String
    private let base: IPAddress
    /// Counted from the front of all 128.
    private let bits: Int

    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2, !first.contains("%"), let base = IPAddress(first) else {
            return nil
        }
        let width = first.contains(":") ? 128 : 32
        var bits = width
        if parts.count == 2 {
            guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let given = Int(parts[1]),
                (0...width).contains(given)
            else { return nil }
            bits = given
        }
        self.text = text
        self.base = base
        self.bits = 128 - width + bits
    }

    package func contains(_ address: IPAddress) -> Bool {
        (base.high ^ address.high) & Self.mask(bits) == 0 && (base.low ^ address.low) & Self.mask(bits - 64) == 0
    }

    /// Whether every address of `other` is one of this range.
    package func covers(_ other: AddressRange) -> Bool { bits <= other.bits && contains(other.base) }

    /// A word whose first bits are set.
    private static func mask(_ bits: Int) -> UInt64 { bits <= 0 ? 0 : bits >= 64 ? ~0 : ~(~0 >> UInt64(bits)) }
}

/// Whom a request comes from, where proxies stand between.
package enum CallerAddress {
    /// The peer, unless it is a proxy that is trusted: then the last address of what it was told (`X-Forwarded-For`) that is
    /// none of those. Whatever stands before that one may be made up.
    ///
    /// - Parameter forwarded: The header's lines in order.
    package static func of(peer: IPAddress?, forwarded: [String], trusted: [AddressRange]) -> IPAddress? {
        guard let peer, !forwarded.isEmpty, trusted.contains(where: { $0.contains(peer) }) else { return peer }
        var nearest = peer
        for line in forwarded.reversed() {
            for item in line.split(separator: ",", omittingEmptySubsequences: false).reversed() {
                // What is no address hides the ones before it: nobody who is trusted wrote it.
                guard let address = IPAddress(bare(item)) else { return nearest }
                nearest = address
                if !trusted.contains(where: { $0.contains(address) }) { return address }
            }
        }
        return nearest
    }

    /// Without spaces, brackets and a port.
    private static func bare(_ item: Substring) -> Substring {
        var item = item
        while item.first == " " || item.first == "\t" { item.removeFirst() }
        while item.last == " " || item.last == "\t" { item.removeLast() }
        if item.first == "[" { return item.dropFirst().prefix { $0 != "]" } }
        let colons = item.utf8.count { $0 == UInt8(ascii: ":") }
        return colons == 1 ? item.prefix { $0 != ":" } : item
    }
}

extension IPAddress: CustomStringConvertible {
    /// Version 4 with dots; version 6 in eight groups, nothing left out but leading zeros.
    package var description: String {
        guard !isFour else {
            return (0..<4).map { String(low >> (24 - 8 * UInt64($0)) & 0xFF) }.joined(separator: ".")
        }
        let groups = [high, low].flatMap { half in (0..<4).map { half >> (48 - 16 * UInt64($0)) & 0xFFFF } }
        return groups.map { String($0, radix: 16) }.joined(separator: ":")
    }
}
