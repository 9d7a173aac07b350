/// Durations as they are written: `500ms`, `30s`, `10m`, `24h`, `7d`.
package enum DurationText {
    private static let units: [(name: String, milliseconds: Int64)] = [
        ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1),
    ]

    /// `nil` for what is not a whole number and a unit, or too large to count in milliseconds.
    package static func read(_ text: String) -> Duration? {
        guard let (number, unit) = NumberWithUnit.split(text) else { return nil }
        guard let milliseconds = units.first(where: { $0.name == unit })?.milliseconds else { return nil }
        let (total, overflow) = Int64(number).multipliedReportingOverflow(by: milliseconds)
        return overflow ? nil : .milliseconds(total)
    }

    /// The shortest form, except that ten minutes and less stay seconds; parts of a millisecond are dropped.
    package static func write(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        guard attoseconds == 0 else {
            let (total, overflow) = seconds.multipliedReportingOverflow(by: 1000)
            return overflow ? "\(seconds)s" : "\(total + attoseconds / 1_000_000_000_000_000)ms"
        }
        guard seconds > 600, seconds.isMultiple(of: 60) else { return "\(seconds)s" }
        return seconds.isMultiple(of: 3600) ? "\(seconds / 3600)h" : "\(seconds / 60)m"
    }
}

/// Sizes as they are written: bytes, or with a binary (`KiB`, `MiB`, `GiB`, `TiB`) or decimal (`KB` …) unit.
package enum SizeText {
    private static let units: [(name: String, bytes: Int)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10),
        ("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000), ("KB", 1000), ("B", 1), ("", 1),
    ]

    /// Bytes; `nil` for what is not a whole number with or without a unit, or too large to count.
    package static func read(_ text: String) -> Int? {
        guard let (number, unit) = NumberWithUnit.split(text) else { return nil }
        guard let bytes = units.first(where: { $0.name == unit })?.bytes else { return nil }
        let (total, overflow) = number.multipliedReportingOverflow(by: bytes)
        return overflow ? nil : total
    }

    /// With the largest binary unit that leaves a whole number.
    package static func write(_ bytes: Int) -> String {
        for unit in units.prefix(4) where bytes != 0 && bytes.isMultiple(of: unit.bytes) {
            return "\(bytes / unit.bytes)\(unit.name)"
        }
        return "\(bytes)"
    }
}

extension Rate {
    /// As it is written.
    package var text: String {
        let unit =
            switch period {
            case .seconds(1): "s"
            case .seconds(60): "min"
            case .seconds(3600): "h"
            default: "day"
            }
        return "\(count)/\(unit)"
    }
}

private enum NumberWithUnit {
    static func split(_ text: String) -> (number: Int, unit: String)? {
        let digits = text.prefix { ("0"..."9").contains($0) }
        guard !digits.isEmpty, let number = Int(digits) else { return nil }
        return (number, String(text.dropFirst(digits.count)))
    }
}
