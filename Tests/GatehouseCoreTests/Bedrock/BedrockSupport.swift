import GatehouseCore
import NIOCore

/// Short ways to say what these tests are about.
enum Bedrock {
    static let claude37 = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
    static let claude45 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"

    static func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.utf8) }

    static func encode(_ request: CanonicalRequest, _ model: String = claude45) throws -> EncodedRequest {
        try BedrockCodec.encodeRequest(request, for: TargetTraits(kind: "bedrock", model: model))
    }

    /// The texts of the messages, as `user: [text, toolUse]`.
    static func outline(_ body: JSONValue) -> [String] {
        (body["messages"]?.array ?? []).map { message in
            let blocks = (message["content"]?.array ?? []).map { block in
                block["text"]?.string ?? block.object?.first?.key ?? "?"
            }
            return "\(message["role"]?.string ?? "?"): \(blocks.joined(separator: ", "))"
        }
    }

    static func user(_ texts: String...) -> Message { Message(role: .user, parts: texts.map { .text($0) }) }

    static func assistant(_ parts: Part...) -> Message { Message(role: .assistant, parts: parts) }

    static func call(_ id: String, _ name: String = "f", _ arguments: String = "{}") -> Part {
        Part(.toolCall(ToolCall(id: id, name: name, arguments: arguments)))
    }

    static func result(_ id: String, _ text: String) -> Message {
        Message(role: .tool, parts: [Part(.toolResult(ToolResult(callID: id, content: [.text(text)])))])
    }

    static func tool(_ name: String = "f") -> Tool { Tool(.function(parameters: nil), name: name) }

    static func thinking(_ text: String, _ signature: Signature?) -> Part {
        Part(.thinking(Thinking(text)), signature: signature)
    }

    /// A stream of the given events.
    static func stream(_ events: [(String, String)], type: String = "event") -> ByteBuffer {
        var buffer = ByteBuffer()
        for (name, payload) in events {
            EventStreamWriter.write(headers: EventStreamWriter.headers(type, name), to: &buffer) {
                $0.writeString(payload)
            }
        }
        return buffer
    }

    static func write(_ events: [CanonicalEvent]) -> ByteBuffer {
        let identity = AnswerIdentity(call: "c1", model: "m", created: 0)
        var encoder = BedrockCodec.streamEncoder(as: identity, options: StreamOptions())
        var buffer = ByteBuffer()
        for event in events { encoder.encode(event, to: &buffer) }
        return buffer
    }

    /// The events of a stream as `name payload`.
    static func read(_ buffer: ByteBuffer) throws -> [String] {
        var parser = EventStreamParser()
        parser.append(buffer)
        var lines: [String] = []
        while let message = try parser.next() {
            let name = message.string(":event-type") ?? message.string(":exception-type") ?? "?"
            lines.append("\(name) \(String(buffer: message.payload))")
        }
        return lines
    }
}
