/// Writes a request for Anthropic, or for a server that speaks its dialect.
package enum AnthropicRequestEncoder {
    package static func encode(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        var encoded =
            request.isAnthropic
            ? try own(request, target) : try AnthropicTranslation.encode(request, for: target)
        let betas = AnthropicBetas.filter(target.betas, kind: target.kind)
        if !betas.kept.isEmpty {
            encoded.headers.append(.init(AnthropicBetas.header, betas.kept.joined(separator: ",")))
        }
        if !betas.dropped.isEmpty { encoded.dropped.append(AnthropicBetas.header) }
        return encoded
    }

    /// What came in this dialect, as it came.
    private static func own(
        _ request: CanonicalRequest, _ target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        var writer = AnthropicBlockWriter(isOwn: true, kind: target.kind)
        let notes = request.extensions
        let empty = notes[.anthropic, AnthropicNote.empty]?.array?.compactMap(\.string) ?? []
        var members: [JSONValue.Member] = []
        func add(_ key: String, _ value: JSONValue?) {
            if let value { members.append(.init(key, value)) }
        }
        func list(_ key: String, _ values: [JSONValue]) {
            if !values.isEmpty || empty.contains(key) { add(key, .array(values)) }
        }
        add("model", .string(target.model.isEmpty ? request.model : target.model))
        add("max_tokens", request.maxTokens.map { .int($0) })
        add("stream", request.stream ? .bool(true) : notes[.anthropic, AnthropicNote.stream])
        add("cache_control", request.cache.map(AnthropicCache.written))
        list("tools", request.tools.map(AnthropicTools.written))
        add("tool_choice", AnthropicTools.writtenChoice(request))
        AnthropicThinking.write(request, to: &members)
        let sampling = request.sampling
        add("temperature", sampling.temperature.map { .number($0) })
        add("top_p", sampling.topP.map { .number($0) })
        add("top_k", sampling.topK.map { .int($0) })
        list("stop_sequences", sampling.stop.map { .string($0) })
        add("service_tier", request.serviceTier.map { .string($0) })
        let metadata = notes[.anthropic, "metadata"]
        if request.user != nil || metadata != nil {
            let object = JSONValue.object(["user_id": request.user.map { .string($0) }])
            add("metadata", object.adding(metadata?.object ?? []))
        }
        let (system, messages) = try conversation(request, &writer)
        if let system { add("system", system) } else { list("system", []) }
        add("messages", .array(messages))
        // Members that were read in part are merged above.
        let merged: Set<String> = ["metadata", "output_config", "tool_choice"]
        for member in notes.written(.anthropic) where !merged.contains(member.key) {
            add(member.key, member.key == "anthropic_beta" ? betas(member.value, target) : member.value)
        }
        return EncodedRequest(body: .object(members))
    }

    /// `anthropic_beta` in a body, where Bedrock wants it, keeps the same rule as the header.
    private static func betas(_ value: JSONValue, _ target: TargetTraits) -> JSONValue {
        guard let list = value.array else { return value }
        let kept = AnthropicBetas.filter(list.compactMap(\.string), kind: target.kind).kept
        return .array(kept.map { .string($0) })
    }

    private static func conversation(
        _ request: CanonicalRequest, _ writer: inout AnthropicBlockWriter
    ) throws(GatehouseError) -> (system: JSONValue?, messages: [JSONValue]) {
        var system: JSONValue?
        var messages: [(message: Message, content: JSONValue)] = []
        for (index, message) in request.messages.enumerated() {
            let notes = message.extensions
            let isString = notes[.anthropic, AnthropicNote.form]?.string == "string" && message.parts.count == 1
            let content: JSONValue =
                isString
                ? .string(message.parts[0].text ?? "")
                : .array(try writer.blocks(message.parts, at: "messages[\(index)]"))
            if message.role == .system, notes[.anthropic, AnthropicNote.place] == nil {
                system = joined(system, content)
            } else if notes[.anthropic, AnthropicNote.continues] != nil, let last = messages.indices.last {
                messages[last].content = joined(messages[last].content, content)
            } else if message.parts.isEmpty || content.array?.isEmpty != true {
                messages.append((message, content))
            }
        }
        return (
            system,
            messages.map { message, content in
                let role = message.role == .tool ? "user" : message.role.rawValue
                return JSONValue.object(["role": .string(role), "content": content])
                    .adding(message.extensions.written(.anthropic))
            }
        )
    }

    private static func joined(_ left: JSONValue?, _ right: JSONValue) -> JSONValue {
        guard let left else { return right }
        func blocks(_ value: JSONValue) -> [JSONValue] {
            if let text = value.string { return [.object(["type": .string("text"), "text": .string(text)])] }
            return value.array ?? []
        }
        return .array(blocks(left) + blocks(right))
    }
}
