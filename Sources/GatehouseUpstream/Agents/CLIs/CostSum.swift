/// The exact sum of decimal numbers that an agent wrote, each kept as text.
///
/// One number stays as it was written. Several are added in units of 10⁻¹²; digits beyond that, exponents and sums
/// that do not fit fall back to `Double`.
struct CostSum: Sendable, Equatable {
    private(set) var text: String

    init(_ sum: CostSum?, adding amount: String) {
        guard let sum, let known = Double(sum.text), known != 0 else {
            text = amount
            return
        }
        if let left = Self.units(sum.text), let right = Self.units(amount) {
            let (units, overflow) = left.addingReportingOverflow(right)
            if !overflow {
                text = Self.text(units)
                return
            }
        }
        text = String(known + (Double(amount) ?? 0))
    }

    private static func units(_ text: String) -> Int? {
        let halves = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = halves.first.flatMap({ Int($0) }), whole >= 0, whole < 9_000_000 else { return nil }
        guard halves.count == 2 else { return whole * 1_000_000_000_000 }
        let digits = halves[1]
        guard digits.utf8.count <= 12,
            let fraction = Int(digits + String(repeating: "0", count: 12 - digits.utf8.count)),
            fraction >= 0
        else { return nil }
        return whole * 1_000_000_000_000 + fraction
    }

    private static func text(_ units: Int) -> String {
        let (whole, fraction) = units.quotientAndRemainder(dividingBy: 1_000_000_000_000)
        guard fraction != 0 else { return String(whole) }
        var digits = String(fraction)
        digits = String(repeating: "0", count: 12 - digits.utf8.count) + digits
        while digits.hasSuffix("0") { digits.removeLast() }
        return "\(whole).\(digits)"
    }
}
