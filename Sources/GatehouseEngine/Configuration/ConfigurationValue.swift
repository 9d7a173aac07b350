import GatehouseCore

/// A kind of scalar: how it is read, and what a right one is.
struct ConfigurationValue<Value> {
    /// Follows "is not".
    var what: String
    /// Its text is never quoted.
    var isSecret = false
    var parse: (String) -> Value?
}

extension ConfigurationValue where Value == Bool {
    static var flag: Self {
        Self(what: "true or false") { text in
            switch text {
            case "true": true
            case "false": false
            default: nil
            }
        }
    }
}

extension ConfigurationValue where Value == Int {
    static func integer(_ range: ClosedRange<Int>) -> Self {
        Self(what: "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// Bytes.
    static func size(_ range: ClosedRange<Int>) -> Self {
        let bounds = "\(SizeText.write(range.lowerBound)) to \(SizeText.write(range.upperBound))"
        return Self(what: "a size such as 512KiB or 16MiB, from \(bounds)") { text in
            SizeText.read(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension ConfigurationValue where Value == Duration {
    /// From `atLeast` to a year: anything longer is a slip of the pen.
    static func duration(atLeast: Duration = .milliseconds(1)) -> Self {
        let range = atLeast...Duration.seconds(366 * 86_400)
        return Self(what: "a duration such as 500ms, 30s, 10m or 24h, from \(DurationText.write(atLeast)) to 366d") {
            DurationText.read($0).flatMap { range.contains($0) ? $0 : nil }
        }
    }
}

extension ConfigurationValue where Value == Rate {
    static var rate: Self {
        Self(what: "a rate such as 10/s, 60/min, 1000/h or 5000/day") { text in
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count == 2, let count = Int(parts[0]), count > 0 else { return nil }
            let period: Duration? =
                switch parts[1] {
                case "s", "sec", "second": .seconds(1)
                case "m", "min", "minute": .seconds(60)
                case "h", "hour": .seconds(3600)
                case "d", "day": .seconds(86_400)
                default: nil
                }
            return period.map { Rate(count: count, period: $0) }
        }
    }
}

extension ConfigurationValue where Value: RawRepresentable & CaseIterable, Value.RawValue == String {
    static var word: Self { word(of: Array(Value.allCases)) }

    /// One of some of them.
    static func word(of values: [Value]) -> Self {
        let words = values.map(\.rawValue)
        let list = words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
        return Self(what: words.count < 2 ? words.joined() : list) { text in
            words.contains(text) ? Value(rawValue: text) : nil
        }
    }
}

extension ConfigurationValue where Value == Secret {
    /// One that goes into a header or an environment; empty ones are refused, since they would let anybody in.
    static var secret: Self {
        Self(what: "a secret of visible characters without spaces", isSecret: true) { text in
            !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7E).contains($0) } ? Secret(text) : nil
        }
    }

    /// The value of a header.
    static var headerValue: Self {
        Self(what: "a header value of one line without control characters", isSecret: true) { text in
            let isLine = text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
            return isLine && !text.isEmpty ? Secret(text) : nil
        }
    }

    /// The value of an environment variable.
    static var variable: Self {
        Self(what: "text without NUL", isSecret: true) { $0.utf8.contains(0) ? nil : Secret($0) }
    }
}

extension ConfigurationValue where Value == String {
    /// Any text but none, in one line.
    static func text(_ what: String = "text that is not empty") -> Self {
        Self(what: what) { $0.isEmpty || !isOneLine($0) ? nil : $0 }
    }

    /// The name of a provider, an agent or a key: it becomes part of model names, labels and headers.
    static var name: Self {
        Self(what: "a name of at most 64 letters, digits, '.', '-' and '_', with a letter or digit first") { text in
            let bytes = text.utf8
            guard bytes.count <= 64, let first = bytes.first, isLetterOrDigit(first) else { return nil }
            return bytes.allSatisfy { isLetterOrDigit($0) || ".-_".utf8.contains($0) } ? text : nil
        }
    }

    /// The name or the pattern of a model.
    static var model: Self {
        Self(what: "a model name of at most 256 visible characters without spaces") { text in
            (1...256).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) } ? text : nil
        }
    }

    static func isVariableName(_ name: Substring) -> Bool {
        guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
        return name.utf8.allSatisfy { isLetterOrDigit($0) || $0 == UInt8(ascii: "_") }
    }

    static var decimal: Self {
        Self(what: "an amount such as 10.00, above zero, with at most 12 digits on each side of the point") { text in
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            let isNumber = parts.allSatisfy { part in
                (1...12).contains(part.utf8.count) && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
            }
            return parts.count <= 2 && isNumber && text.utf8.contains { (0x31...0x39).contains($0) } ? text : nil
        }
    }

    /// A price, which may be nothing.
    static var price: Self {
        Self(what: "a price such as 0.15, or 0, with at most 12 digits on each side of the point") { text in
            text.utf8.allSatisfy { $0 == UInt8(ascii: "0") || $0 == UInt8(ascii: ".") } && "0.00".hasPrefix(text)
                && !text.isEmpty && !text.hasSuffix(".") ? "0" : decimal.parse(text)
        }
    }

    /// What a model can do.
    static var feature: Self {
        let words = ["text"] + Features.names
        return Self(what: words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")) {
            words.contains($0) ? $0 : nil
        }
    }

    static var currency: Self {
        Self(what: "a currency code such as USD") { text in
            text.utf8.count == 3 && text.utf8.allSatisfy { (0x41...0x5A).contains($0) } ? text : nil
        }
    }

    private static func isOneLine(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }
}
