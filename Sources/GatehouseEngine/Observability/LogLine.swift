import GatehouseCore
import Logging
import NIOCore

/// Renders one event as one line, whatever it holds.
enum LogLine {
    /// Bytes of one text; what is longer ends in an ellipsis.
    static let longestText = 16 << 10
    /// Of one event, nested ones counted each.
    static let mostFields = 64
    private static let deepestField = 4
    private static let ownKeys = ["time", "level", "label", "message", "error"]

    static func render(_ event: LogEvent, label: String, metadata: Logger.Metadata, form: LogSystem.Form) -> [UInt8] {
        var fields: [(key: String, value: String)] = []
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { flatten(value, key, depth: 0, into: &fields) }
        return switch form {
        case .json: json(event, label, fields)
        case .console(let colour): console(event, label, fields, colour)
        }
    }

    /// Groups become dotted keys, lists numbered ones.
    private static func flatten(
        _ value: Logger.MetadataValue, _ key: String, depth: Int, into fields: inout [(key: String, value: String)]
    ) {
        guard fields.count < mostFields else { return }
        switch value {
        case .dictionary(let members) where depth < deepestField:
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                flatten(member, "\(key).\(name)", depth: depth + 1, into: &fields)
            }
        case .array(let items) where depth < deepestField:
            for (index, item) in items.enumerated() {
                flatten(item, "\(key).\(index)", depth: depth + 1, into: &fields)
            }
        case .dictionary, .array: fields.append((key, "…"))
        default: fields.append((key, value.description))
        }
    }

    private static func cut(_ text: String) -> String {
        text.utf8.count <= longestText ? text : String(text.unicodeScalars.prefix(longestText / 4)) + "…"
    }

    // MARK: JSON

    private static func json(_ event: LogEvent, _ label: String, _ fields: [(key: String, value: String)]) -> [UInt8] {
        var writer = JSONWriter(appendingTo: ByteBuffer())
        writer.beginObject()
        func member(_ key: String, _ value: String) {
            writer.key(cut(key))
            writer.string(cut(value))
        }
        member("time", Timestamp.now())
        member("level", event.level.rawValue)
        member("label", label)
        member("message", event.message.description)
        if let error = event.error { member("error", "\(error)") }
        for field in fields {
            // A member of our own must not be there twice: readers disagree about which one counts.
            member(ownKeys.contains(field.key) ? "metadata.\(field.key)" : field.key, field.value)
        }
        writer.endObject()
        var line = Array(writer.buffer.readableBytesView)
        line.append(0x0A)
        return line
    }

    // MARK: Console

    private static func console(
        _ event: LogEvent, _ label: String, _ fields: [(key: String, value: String)], _ colour: Bool
    ) -> [UInt8] {
        let level = event.level.rawValue
        let padded = level + String(repeating: " ", count: max(0, 8 - level.utf8.count))
        var line = String(Timestamp.now().dropFirst(11).prefix(12)) + " "
        line += colour ? "\u{1B}[\(code(event.level))m\(padded)\u{1B}[0m" : padded
        line += " \(plain(label)): \(plain(event.message.description))"
        if let error = event.error { line += " error=\(quoted("\(error)"))" }
        for field in fields { line += " \(plain(field.key))=\(quoted(field.value))" }
        return Array((line + "\n").utf8)
    }

    private static func code(_ level: Logger.Level) -> String {
        switch level {
        case .trace, .debug: "2"
        case .info: "32"
        case .notice: "36"
        case .warning: "33"
        case .error: "31"
        case .critical: "1;31"
        }
    }

    private static func quoted(_ text: String) -> String {
        let text = plain(text)
        return text.contains(" ") || text.isEmpty ? "\"\(text)\"" : text
    }

    /// Without anything that a terminal obeys, so that a message cannot rewrite the lines above it.
    private static func plain(_ text: String) -> String {
        cut(text).unicodeScalars.map { scalar in
            switch scalar.value {
            case 0x0A: "\\n"
            case 0x0D: "\\r"
            case 0x09: "\\t"
            case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069:
                "\\u{\(String(scalar.value, radix: 16))}"
            default: String(scalar)
            }
        }.joined()
    }
}
