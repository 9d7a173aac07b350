import GatehouseCore
import NIOCore
import Testing

/// Short words for dialogues in the OpenAI family.
enum OpenAIDialogue {
    static let identity = AnswerIdentity(call: "1", model: "m", created: 5)

    static func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text.utf8) }

    static func decode(_ text: String) throws -> CanonicalRequest {
        try OpenAIChatCodec.decodeRequest(json(text))
    }

    static func encode(_ request: CanonicalRequest, kind: String = "openai") throws -> EncodedRequest {
        try OpenAIChatCodec.encodeRequest(request, for: TargetTraits(kind: kind, model: "m"))
    }

    static func answer(_ text: String) throws -> CanonicalResponse {
        try OpenAIChatCodec.decodeResponse(json(text))
    }

    /// A whole answer around one message.
    static func answer(message: String, finish: String = "stop", rest: String = "") throws -> CanonicalResponse {
        try answer(#"{"id":"x","choices":[{"index":0,"message":\#(message),"finish_reason":"\#(finish)"}]\#(rest)}"#)
    }

    static func stream(_ chunks: [String], done: Bool = true) -> ByteBuffer {
        ByteBuffer(string: (chunks + (done ? ["[DONE]"] : [])).map { "data: \($0)\n\n" }.joined())
    }

    /// Chunks around these deltas, and one that ends them.
    static func stream(deltas: [String], finish: String = "stop") -> ByteBuffer {
        stream(
            deltas.map { #"{"id":"x","choices":[{"index":0,"delta":\#($0),"finish_reason":null}]}"# }
                + [#"{"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"\#(finish)"}]}"#])
    }

    static func events(_ bytes: ByteBuffer) -> (events: [CanonicalEvent], failure: Failure?) {
        Laws.events(OpenAIChatCodec.self, [bytes])
    }

    static func answer(of bytes: ByteBuffer) throws -> CanonicalResponse {
        let (events, failure) = events(bytes)
        #expect(failure == nil)
        return try #require(Laws.answer(events))
    }

    /// The bytes of a stream that tells `events`.
    static func write(_ events: [CanonicalEvent], wantsUsage: Bool = true) -> String {
        var options = StreamOptions()
        options.wantsUsage = wantsUsage
        var encoder = OpenAIChatCodec.streamEncoder(as: identity, options: options)
        var buffer = ByteBuffer()
        for event in events { encoder.encode(event, to: &buffer) }
        return String(buffer: buffer)
    }

    /// The deltas that a stream consists of, as values.
    static func deltas(_ text: String) throws -> [JSONValue] {
        try text.split(separator: "\n\n").filter { $0.hasPrefix("data: {") }.compactMap {
            try json(String($0.dropFirst(6)))["choices"]?[0]?["delta"]
        }
    }
}

extension CanonicalResponse {
    var calls: [ToolCall] { parts.compactMap(\.toolCall) }
    var text: String { parts.texts.joined() }
    var thoughts: [Part] { parts.filter { $0.thinking != nil } }
}
