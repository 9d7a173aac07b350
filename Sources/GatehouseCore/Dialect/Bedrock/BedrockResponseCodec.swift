/// Reads and writes whole Converse answers.
package enum BedrockResponseCodec {
    private static let known: Set<String> = ["output", "stopReason", "usage"]

    package static func decode(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        if body["output"] == nil, let failure = BedrockFailure.inBody(body) { throw failure }
        guard let message = body["output"]?["message"], let blocks = message["content"]?.array else {
            throw Failure(.protocol, detail: "the answer has no output.message.content")
        }
        guard let word = body["stopReason"]?.string else {
            throw Failure(.protocol, detail: "the answer has no stopReason")
        }
        var parts: [Part] = []
        for block in blocks { parts.append(try part(block)) }
        let usage = body["usage"].flatMap { BedrockUsage.read($0) }
        let finish = BedrockStop.finish(word, usage: usage, members: body.members(except: known))
        var response = CanonicalResponse(parts: parts, finish: finish)
        let rest = message.members(except: ["role", "content"])
        if !rest.isEmpty { response.extensions[.bedrock, "$message"] = .object(rest) }
        return response
    }

    /// A block whose shape is odd is kept as it is, unless it is what the caller needs most.
    static func part(_ block: JSONValue) throws(Failure) -> Part {
        do throws(GatehouseError) {
            return try BedrockBlockDecoder(isRequest: false, isAssistant: true).part(block, path: "content")
        } catch {
            guard block["text"] == nil, block["toolUse"] == nil, block.object != nil else {
                throw Failure(.protocol, detail: "a content block cannot be read: \(error.param ?? "")")
            }
            return Part(.native(.bedrock, type: block.object?.first?.key ?? "", block))
        }
    }

    package static func encode(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        var blocks: [JSONValue] = []
        for (index, part) in response.parts.enumerated() {
            if let block = block(part, id: "tooluse_\(identity.call)_\(index)") { blocks.append(block) }
        }
        let message = JSONValue.object(["role": .string("assistant"), "content": .array(blocks)])
            .adding(response.extensions[.bedrock, "$message"]?.object ?? [])
        let body = JSONValue.object([
            "output": .object(["message": message]), "stopReason": .string(BedrockStop.write(response.finish)),
            "usage": response.finish.usage.map { BedrockUsage.write($0) },
        ])
        return body.adding(ending(response.finish))
    }

    /// The members of the end, as they came, or those that every answer has.
    static func ending(_ finish: Finish) -> [JSONValue.Member] {
        if finish.extensions.dialects.contains(.bedrock) { return finish.extensions.written(.bedrock) }
        var members: [JSONValue.Member] = [.init("metrics", .object(["latencyMs": .int(0)]))]
        if let sequence = finish.stopSequence {
            let fields = JSONValue.object(["stop_sequence": .string(sequence)])
            members.append(.init("additionalModelResponseFields", fields))
        }
        return members
    }

    /// The block of a part; `nil` for what only another dialect can say.
    ///
    /// - Parameter id: stands in for a call's id where it has none.
    static func block(_ part: Part, id: String) -> JSONValue? {
        switch part.content {
        case .text(let text):
            guard !part.citations.isEmpty || part.extensions[.bedrock, "$content"] != nil else {
                return .object(["text": .string(text)])
            }
            let content = part.extensions[.bedrock, "$content"] ?? .array([.object(["text": .string(text)])])
            let citations = part.citations.map { BedrockCitation.write($0) }
            return .object(["citationsContent": .object(["content": content, "citations": .array(citations)])])
        case .refusal(let text): return .object(["text": .string(text)])
        case .thinking(let thinking): return reasoning(thinking, part)
        case .toolCall(let call):
            return BedrockMessageEncoder.toolUse(
                id: call.id.isEmpty ? id : call.id, name: call.name, call, part.extensions)
        case .image(let media): return block(media, .image, part)
        case .audio(let media): return block(media, .audio, part)
        case .video(let media): return block(media, .video, part)
        case .document(let media): return block(media, .document, part)
        case .native(.bedrock, _, let value): return value
        case .native, .toolResult: return nil
        }
    }

    private static func block(_ media: Media, _ kind: BedrockMedia.Kind, _ part: Part) -> JSONValue? {
        let name = kind == .document ? media.name ?? "document" : nil
        return try? BedrockMedia.block(media, kind, notes: part.extensions, name: name, path: "")
    }

    private static func reasoning(_ thinking: Thinking, _ part: Part) -> JSONValue? {
        let signature = part.signature.flatMap { BedrockSignature.isOurs($0) ? $0 : nil }
        guard thinking.isRedacted else {
            return BedrockMessageEncoder.reasoning(thinking.text, signature, part.extensions)
        }
        return signature.flatMap { BedrockSignature.blob($0) }.map { BedrockMessageEncoder.redacted($0) }
    }
}
