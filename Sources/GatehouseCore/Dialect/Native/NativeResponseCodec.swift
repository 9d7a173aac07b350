/// Writes whole answers of the native API, and what its streams have in common with them.
enum NativeResponseCodec {
    static func encode(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        var text = ""
        var thoughts = ""
        var rest: [JSONValue] = []
        for part in response.parts {
            switch part.content {
            case .text(let piece), .refusal(let piece): text += piece
            case .thinking(let thinking): if !thinking.isRedacted { thoughts += thinking.text }
            default: if let value = value(of: part) { rest.append(value) }
            }
        }
        return .object([
            "id": .string("gen-" + identity.call), "model": .string(identity.model), "created": .int(identity.created),
            "response": .string(text), "reasoning": thoughts.isEmpty ? nil : .string(thoughts),
            "parts": rest.isEmpty ? nil : .array(rest), "session": response.session.map { .string($0) },
        ]).adding(end(response.finish))
    }

    /// How the answer ended: the reason, the usage and the cost.
    static func end(_ finish: Finish) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = [.init("stop", .string(finish.reason.rawValue))]
        if let usage = finish.usage { members.append(.init("usage", value(of: usage))) }
        if let cost = finish.cost {
            // As the agent wrote it: no decimal is rounded.
            members.append(.init("cost", .object(["unit": .string(cost.unit), "amount": .string(cost.amount)])))
        }
        return members
    }

    static func value(of usage: Usage) -> JSONValue {
        .object([
            "input_tokens": .int(usage.input), "output_tokens": .int(usage.output),
            "cached_input_tokens": usage.cachedInput > 0 ? .int(usage.cachedInput) : nil,
            "reasoning_tokens": usage.reasoning > 0 ? .int(usage.reasoning) : nil,
        ])
    }

    /// A part that is no plain text: a picture that was made, a call of a vendor's tool.
    static func value(of part: Part) -> JSONValue? {
        switch part.content {
        case .image(let media): value(of: media, "image")
        case .audio(let media): value(of: media, "audio")
        case .video(let media): value(of: media, "video")
        case .document(let media): value(of: media, "document")
        case .toolCall(let call):
            .object([
                "type": .string("tool_call"), "id": .string(call.id), "name": .string(call.name),
                "arguments": .string(call.arguments),
            ])
        case .text, .refusal, .thinking, .toolResult, .native: nil
        }
    }

    private static func value(of media: Media, _ type: String) -> JSONValue {
        .object([
            "type": .string(type), "media_type": media.mediaType.map { .string($0) },
            "url": media.url.map { .string($0) }, "name": media.name.map { .string($0) },
        ])
    }
}

extension CanonicalResponse {
    /// The agent's own id of the conversation.
    fileprivate var session: String? { finish.session ?? start.session }
}
