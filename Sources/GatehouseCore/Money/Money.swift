/// An amount of money as an exact decimal: whole units of 10^-18 of a currency, which the amount itself does not name.
///
/// A price for a million tokens has at most twelve digits behind the point, so that each token costs a whole number of
/// units and no cost is ever rounded. What would leave the range is `nil`, never a trap and never a wrong number.
package struct Money: Sendable, Hashable, Comparable {
    /// Digits behind the point that are kept.
    package static let digits = 18
    private static let one: Int128 = 1_000_000_000_000_000_000

    package static let zero = Money(units: 0)

    /// In units of 10^-18.
    package let units: Int128

    package init(units: Int128) {
        self.units = units
    }

    package static func < (left: Money, right: Money) -> Bool { left.units < right.units }

    package var isNegative: Bool { units < 0 }

    // MARK: Text

    /// Reads `12`, `-0.5` and `1.234`: plain digits with at most one point, none of it in words or powers. `nil` for
    /// anything else, and for what is too large or too fine to be kept exactly.
    package init?(_ text: some StringProtocol) {
        var bytes = Array(text.utf8)[...]
        let isNegative = bytes.first == UInt8(ascii: "-")
        if isNegative { bytes = bytes.dropFirst() }
        let parts = bytes.split(separator: UInt8(ascii: "."), maxSplits: 2, omittingEmptySubsequences: false)
        guard (1...2).contains(parts.count), parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        var fraction = parts.count == 2 ? parts[1] : []
        while fraction.last == UInt8(ascii: "0") { fraction = fraction.dropLast() }
        guard fraction.count <= Self.digits else { return nil }
        let padding = repeatElement(UInt8(ascii: "0"), count: Self.digits - fraction.count)
        guard let units = Self.number(Array(parts[0]) + Array(fraction) + Array(padding)) else { return nil }
        self.init(units: isNegative ? -units : units)
    }

    private static func number(_ digits: [UInt8]) -> Int128? {
        var value: Int128 = 0
        for digit in digits {
            guard (0x30...0x39).contains(digit) else { return nil }
            let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = shifted.addingReportingOverflow(Int128(digit - 0x30))
            guard !overflow, !carried else { return nil }
            value = sum
        }
        return value
    }

    /// Reads a number as JSON writes it, with a power of ten as well (`1.23e-05`), as vendors tell what an answer cost.
    package init?(number text: some StringProtocol) {
        let parts = text.split(separator: "e", maxSplits: 1, omittingEmptySubsequences: false)
        let more = parts.count == 2 ? parts : text.split(separator: "E", maxSplits: 1, omittingEmptySubsequences: false)
        guard more.count == 2 else {
            self.init(text)
            return
        }
        let sign = more[1].hasPrefix("+") ? more[1].dropFirst() : more[1][...]
        guard let power = Int(sign), abs(power) <= 40, let mantissa = Money(more[0]) else { return nil }
        var units = mantissa.units
        for _ in 0..<abs(power) {
            if power > 0 {
                let (product, overflow) = units.multipliedReportingOverflow(by: 10)
                guard !overflow else { return nil }
                units = product
            } else {
                // What is finer than the finest unit is cut off.
                units /= 10
            }
        }
        self.init(units: units)
    }

    /// The shortest decimal: no zeros at its end, no point without digits behind it.
    package var text: String {
        let magnitude = units.magnitude
        let (whole, rest) = magnitude.quotientAndRemainder(dividingBy: Self.one.magnitude)
        var text = (isNegative ? "-" : "") + String(whole)
        guard rest > 0 else { return text }
        let digits = String(rest)
        text += "." + String(repeating: "0", count: Self.digits - digits.utf8.count) + digits
        while text.utf8.last == UInt8(ascii: "0") { text.removeLast() }
        return text
    }

    // MARK: Arithmetic

    /// `nil` where the sum would leave the range.
    package func adding(_ other: Money) -> Money? {
        let (sum, overflow) = units.addingReportingOverflow(other.units)
        return overflow ? nil : Money(units: sum)
    }

    package func subtracting(_ other: Money) -> Money? {
        let (difference, overflow) = units.subtractingReportingOverflow(other.units)
        return overflow ? nil : Money(units: difference)
    }

    package func times(_ count: Int) -> Money? {
        let (product, overflow) = units.multipliedReportingOverflow(by: Int128(count))
        return overflow ? nil : Money(units: product)
    }

    /// A `divisor`-th of it, rounded towards zero.
    package func divided(by divisor: Int) -> Money {
        divisor > 0 ? Money(units: units / Int128(divisor)) : .zero
    }

    /// The sum, or the largest amount there is. For what is only shown, or only compared with a limit.
    package func capped(adding other: Money) -> Money {
        adding(other) ?? Money(units: other.isNegative ? .min : .max)
    }

    /// The difference, and nothing where it would be less.
    package func floored(subtracting other: Money) -> Money {
        guard let difference = subtracting(other), !difference.isNegative else { return .zero }
        return difference
    }

    package static func sum(_ amounts: some Sequence<Money>) -> Money? {
        var sum = Money.zero
        for amount in amounts {
            guard let next = sum.adding(amount) else { return nil }
            sum = next
        }
        return sum
    }
}
