/// Reads and writes whole answers.
package enum AnthropicResponseCodec {
    // MARK: Reading

    package static func decode(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        if body["type"]?.string == "error" || (body["content"] == nil && body["error"]?.object != nil) {
            throw AnthropicFailure.classify(event: body)
        }
        guard let blocks = body["content"]?.array else { throw Failure(.protocol, detail: "answer without content") }
        var parts: [Part] = []
        for block in blocks { parts.append(try part(block)) }
        let usage = AnthropicUsage.read(body["usage"])
        let known: Set<String> = [
            "id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "usage",
        ]
        return CanonicalResponse(
            start: AnswerStart(id: body["id"]?.string, model: body["model"]?.string), parts: parts,
            finish: AnthropicFinish.read(body, usage: usage, rest: body.members(except: known)))
    }

    private static func part(_ block: JSONValue) throws(Failure) -> Part {
        guard let type = block["type"]?.string else { throw Failure(.protocol, detail: "block without a type") }
        var known: Set<String> = ["type"]
        var part: Part
        switch type {
        case "text":
            known.insert("text")
            part = .text(block["text"]?.string ?? "")
            if let citations = block["citations"]?.array, !citations.isEmpty {
                known.insert("citations")
                part.citations = citations.map(AnthropicCitation.read)
            }
        case "thinking":
            known.formUnion(["thinking", "signature"])
            part = Part(.thinking(Thinking(block["thinking"]?.string ?? "")))
            if let signature = block["signature"]?.string, !signature.isEmpty {
                part.signature = Signature(.anthropic, signature)
            }
        case "redacted_thinking":
            known.insert("data")
            part = Part(.thinking(Thinking("", isRedacted: true)))
            part.signature = Signature(.anthropic, block["data"]?.string ?? "")
        case "tool_use":
            known.formUnion(["id", "name", "input"])
            guard let name = block["name"]?.string else { throw Failure(.protocol, detail: "call without a name") }
            let input = block["input"].flatMap { $0.isNull ? nil : $0.text } ?? "{}"
            part = Part(.toolCall(ToolCall(id: block["id"]?.string ?? "", name: name, arguments: input)))
        default: return Part(.native(.anthropic, type: type, block))
        }
        part.extensions[.anthropic] = block.members(except: known)
        return part
    }

    // MARK: Writing

    package static func encode(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        let isOwn = response.finish.extensions[.anthropic, AnthropicNote.reason] != nil
        var content: [JSONValue] = []
        var hasCalls = false
        var hasRefusal = false
        for part in response.parts {
            if part.toolCall != nil { hasCalls = true }
            if case .refusal = part.content { hasRefusal = true }
            if let block = block(part, isOwn: isOwn, number: content.count, identity) { content.append(block) }
        }
        let finish = response.finish
        let answer = JSONValue.object([
            "id": .string(isOwn ? response.start.id ?? id(identity) : id(identity)), "type": .string("message"),
            "role": .string("assistant"),
            "model": .string(isOwn ? response.start.model ?? identity.model : identity.model),
            "content": .array(content),
            "stop_reason": AnthropicFinish.written(finish, hasCalls: hasCalls, hasRefusal: hasRefusal),
            "stop_sequence": finish.stopSequence.map { .string($0) } ?? .null,
            "usage": AnthropicUsage.written(finish.usage),
        ])
        return answer.adding(finish.extensions.written(.anthropic))
    }

    static func id(_ identity: AnswerIdentity) -> String { "msg_" + identity.call }

    /// The id of a call that came without one.
    static func callID(_ identity: AnswerIdentity, _ number: Int) -> String { "toolu_\(identity.call)_\(number)" }

    /// The block of an answer's part; `nil` for what this dialect's answers cannot hold (media, other vendors' own).
    static func block(_ part: Part, isOwn: Bool, number: Int, _ identity: AnswerIdentity) -> JSONValue? {
        let block: JSONValue
        switch part.content {
        case .text(let text), .refusal(let text):
            if text.isEmpty, !isOwn { return nil }
            block = AnthropicBlocks.text(text, part)
        case .thinking(let thinking):
            if thinking.isRedacted, part.signature == nil { return nil }
            // The vendor always writes the member, and its libraries rely on it.
            block = AnthropicBlocks.thinking(thinking, part)
                .adding(thinking.isRedacted ? [] : [.init("signature", .string(""))])
        case .toolCall(let call):
            let id = call.id.isEmpty ? callID(identity, number) : call.id
            block = AnthropicBlocks.toolUse(call, id: id, name: call.name)
        case .native(.anthropic, _, let value): return value
        case .native, .image, .audio, .video, .document, .toolResult: return nil
        }
        return block.adding(part.extensions.written(.anthropic))
    }
}
