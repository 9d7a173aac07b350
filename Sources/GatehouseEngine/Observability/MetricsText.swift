package import NIOCore

/// Writes Prometheus' text format, version 0.0.4.
package struct MetricsText: Sendable {
    package enum Kind: String, Sendable {
        case counter, gauge, histogram
    }

    package private(set) var buffer = ByteBuffer()
    private var seen: Set<String> = []

    /// What answers to `/metrics` say of themselves.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"
    private static let longestLabel = 256

    package init() {}

    /// Starts a metric; its samples come next. A name that was there already is not started again.
    package mutating func family(_ name: String, _ kind: Kind, help: String) {
        guard seen.insert(name).inserted else { return }
        buffer.writeString("# HELP \(name) \(Self.escaped(help, quotes: false))\n# TYPE \(name) \(kind.rawValue)\n")
    }

    package mutating func sample(_ name: String, labels: [(String, String)] = [], _ value: Double) {
        sample(name, shownLabels: Self.labels(labels), Self.number(value))
    }

    mutating func sample(_ name: String, shownLabels: String, _ value: String) {
        buffer.writeString("\(name)\(shownLabels) \(value)\n")
    }

    mutating func histogram(_ name: String, shownLabels: String, _ histogram: MetricHistogram) {
        let (counts, sum) = histogram.snapshot
        let inner = shownLabels.isEmpty ? "" : shownLabels.dropFirst().dropLast() + ","
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total += count
            let bound = index < histogram.bounds.count ? Self.number(histogram.bounds[index]) : "+Inf"
            buffer.writeString("\(name)_bucket{\(inner)le=\"\(bound)\"} \(total)\n")
        }
        buffer.writeString("\(name)_sum\(shownLabels) \(Self.number(sum))\n")
        buffer.writeString("\(name)_count\(shownLabels) \(total)\n")
    }

    // MARK: Words

    /// Labels with their braces, sorted by name so that the order they are given in does not matter; the first of two
    /// with the same name counts.
    static func labels(_ labels: [(String, String)]) -> String {
        guard !labels.isEmpty else { return "" }
        var names: Set<String> = []
        let sanitized = labels.map { (labelName($0.0), $0.1) }.filter { names.insert($0.0).inserted }
        let pairs = sanitized.sorted { $0.0 < $1.0 }.map { name, value in
            "\(name)=\"\(escaped(cut(value), quotes: true))\""
        }
        return "{" + pairs.joined(separator: ",") + "}"
    }

    /// Letters, digits, `_` and `:`; others become `_`.
    static func metricName(_ name: String) -> String {
        sanitized(name, allowsColon: true)
    }

    /// `le` belongs to histograms and names with two leading underscores to Prometheus itself.
    private static func labelName(_ name: String) -> String {
        let name = sanitized(name, allowsColon: false)
        return name == "le" || name.hasPrefix("__") ? "label_" + name : name
    }

    private static func sanitized(_ name: String, allowsColon: Bool) -> String {
        var out = ""
        for scalar in name.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": out.unicodeScalars.append(scalar)
            case "0"..."9":
                if out.isEmpty { out = "_" }
                out.unicodeScalars.append(scalar)
            case ":" where allowsColon: out.unicodeScalars.append(scalar)
            default: out += "_"
            }
        }
        return out.isEmpty ? "_" : out
    }

    private static func cut(_ value: String) -> String {
        value.utf8.count <= longestLabel ? value : String(value.unicodeScalars.prefix(longestLabel / 4))
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\"" where quotes: out += "\\\""
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }

    /// As Prometheus writes numbers.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if let whole = Int(exactly: value), abs(whole) < 1 << 53 { return "\(whole)" }
        return "\(value)"
    }
}
