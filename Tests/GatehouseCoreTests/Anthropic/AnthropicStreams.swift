import GatehouseCore
import NIOCore

/// Helpers for streams in Anthropic's dialect.
enum AnthropicStreams {
    static let identity = AnswerIdentity(call: "call1", model: "alias", created: 5)

    static func written(_ events: [CanonicalEvent]) -> ByteBuffer {
        var encoder = AnthropicCodec.streamEncoder(as: identity, options: StreamOptions())
        var buffer = ByteBuffer()
        for event in events { encoder.encode(event, to: &buffer) }
        return buffer
    }

    /// The payloads of a stream's events.
    static func payloads(_ buffer: ByteBuffer) -> [JSONValue] {
        String(buffer: buffer).split(separator: "\n").compactMap { line in
            line.hasPrefix("data: ") ? try? JSONValue(parsing: line.dropFirst(6).utf8) : nil
        }
    }

    /// A stream of these payloads.
    static func stream(_ payloads: [String]) -> ByteBuffer {
        ByteBuffer(string: payloads.map { "event: x\ndata: \($0)\n\n" }.joined())
    }

    /// In what a stream breaks Anthropic's grammar; `nil` when it does not.
    static func grammarFault(_ buffer: ByteBuffer) -> String? {
        let text = String(buffer: buffer)
        var open: (index: Int, type: String)?
        var next = 0
        var seen: [String] = []
        for (name, payload) in zip(names(text), payloads(buffer)) {
            guard let type = payload["type"]?.string, type == name else { return "event \(name) holds another type" }
            let index = payload["index"]?.int
            switch type {
            case "message_start": if !seen.isEmpty { return "message_start is not first" }
            case "content_block_start":
                if open != nil { return "block \(index ?? -1) begins inside another" }
                if index != next { return "block \(index ?? -1) instead of \(next)" }
                open = (next, payload["content_block"]?["type"]?.string ?? "")
                next += 1
            case "content_block_delta":
                guard let open, open.index == index else { return "delta outside its block" }
                let delta = payload["delta"]?["type"]?.string ?? ""
                let allowed = [
                    "text_delta": "text", "citations_delta": "text", "thinking_delta": "thinking",
                    "signature_delta": "thinking",
                ]
                if let wanted = allowed[delta], wanted != open.type { return "\(delta) in \(open.type)" }
                if delta == "input_json_delta", !open.type.hasSuffix("tool_use") { return "\(delta) in \(open.type)" }
            case "content_block_stop":
                if open?.index != index { return "stop of another block" }
                open = nil
            case "message_delta": if open != nil { return "message_delta inside a block" }
            default: break
            }
            seen.append(type)
        }
        let ends = Array(seen.suffix(2)) == ["message_delta", "message_stop"]
        let once = seen.filter { $0 == "message_delta" || $0 == "message_stop" }.count == 2
        return ends && once ? nil : "ends with \(seen.suffix(3))"
    }

    private static func names(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { $0.hasPrefix("event: ") ? String($0.dropFirst(7)) : nil }
    }
}
