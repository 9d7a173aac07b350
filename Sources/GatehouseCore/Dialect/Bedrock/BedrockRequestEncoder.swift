/// Writes a Converse request.
package enum BedrockRequestEncoder {
    package static func encode(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        var request = request
        var context = BedrockContext(model: BedrockModel(target.model))
        try refuse(request)
        drop(request, &context)
        var writer = BedrockMessageEncoder()
        for (index, message) in request.messages.enumerated() {
            try writer.add(message, path: "messages[\(index)]", &context)
        }
        if let marker = request.cache { writer.mark(marker, &context) }
        let turns = try writer.finish()
        // Tools first: they may say that thinking is out of the question.
        let tools = try BedrockTools.config(request, called: context.called, &context)
        let additional = additionalFields(&request, target, &context)
        let body = JSONValue.object([
            "messages": .array(turns), "system": system(writer.system, request),
            "inferenceConfig": inference(&request, &context), "toolConfig": tools,
            "outputConfig": try output(request), "additionalModelRequestFields": additional,
            "additionalModelResponseFieldPaths": stopPaths(request, context),
            "requestMetadata": metadata(request, &context), "serviceTier": tier(request, &context),
        ])
        let special: Set<String> = ["inferenceConfig", "toolConfig", "additionalModelRequestFields"]
        let rest = request.extensions.written(.bedrock).filter { !special.contains($0.key) }
        var encoded = EncodedRequest(body: body.adding(rest))
        encoded.dropped = context.dropped
        encoded.names = context.names
        return encoded
    }

    /// What cannot be left out without giving the caller something else than it asked for.
    private static func refuse(_ request: CanonicalRequest) throws(GatehouseError) {
        if let choices = request.sampling.choices, choices > 1 {
            throw BedrockMedia.unsupported("n", "more than one answer to a request")
        }
        if request.previousResponse != nil {
            throw BedrockMedia.unsupported("previous_response_id", "the id of a stored answer")
        }
        if case .jsonObject = request.responseFormat {
            throw BedrockMedia.unsupported("response_format", "JSON without a schema")
        }
    }

    private static func drop(_ request: CanonicalRequest, _ context: inout BedrockContext) {
        let sampling = request.sampling
        let lost: [(String, Bool)] = [
            ("min_p", sampling.minP != nil), ("frequency_penalty", sampling.frequencyPenalty != nil),
            ("presence_penalty", sampling.presencePenalty != nil), ("seed", sampling.seed != nil),
            ("logprobs", sampling.logprobs == true), ("top_logprobs", sampling.topLogprobs != nil),
            ("parallel_tool_calls", request.parallelToolCalls == false && !request.tools.isEmpty),
            ("user", request.user != nil), ("store", request.store == true),
        ]
        for (name, isLost) in lost where isLost { context.drop(name) }
        context.drop(foreign: request.extensions)
        for tool in request.tools { context.drop(foreign: tool.extensions) }
    }

    private static func system(_ blocks: [JSONValue], _ request: CanonicalRequest) -> JSONValue? {
        blocks.isEmpty ? request.extensions[.bedrock, "$system"] : .array(blocks)
    }

    // MARK: Parameters

    private static func inference(_ request: inout CanonicalRequest, _ context: inout BedrockContext) -> JSONValue? {
        let notes = request.extensions[.bedrock, "inferenceConfig"]
        let isOwn = notes != nil
        if !isOwn { fitSampling(&request.sampling, &context) }
        let stop = request.sampling.stop.filter { isOwn || !$0.isEmpty }.map { JSONValue.string($0) }
        let config = JSONValue.object([
            "maxTokens": request.maxTokens.map { .int($0) },
            "temperature": request.sampling.temperature.map { .number($0) },
            "topP": request.sampling.topP.map { .number($0) }, "stopSequences": stop.isEmpty ? nil : .array(stop),
        ]).adding(notes?.object ?? [])
        return isOwn || config != .object([]) ? config : nil
    }

    /// Bedrock takes temperatures up to 1; newer Claude models take less.
    private static func fitSampling(_ sampling: inout Sampling, _ context: inout BedrockContext) {
        if let text = sampling.temperature, let value = Double(text), value > 1 {
            sampling.temperature = "1"
            context.drop("temperature")
        }
        if context.model.refusesSampling, let text = sampling.temperature, Double(text) != 1 {
            sampling.temperature = nil
            context.drop("temperature")
        }
        let isOneTooMany = context.model.takesOneOfTemperatureAndTopP && sampling.temperature != nil
        if sampling.topP != nil, isOneTooMany || context.model.refusesSampling {
            sampling.topP = nil
            context.drop("top_p")
        }
    }

    private static func additionalFields(
        _ request: inout CanonicalRequest, _ target: TargetTraits, _ context: inout BedrockContext
    ) -> JSONValue? {
        let notes = request.extensions[.bedrock, "additionalModelRequestFields"]
        var members = BedrockReasoning.write(&request, &context)
        members += betas(target, &context)
        if let topK = request.sampling.topK {
            switch context.model.family {
            case .claude where context.model.refusesSampling: context.drop("top_k")
            case .claude, .unknown, .mistral: members.append(.init("top_k", .int(topK)))
            case .cohere: members.append(.init("k", .int(topK)))
            case .nova: members.append(.init("inferenceConfig", .object(["topK": .int(topK)])))
            case .openAI, .qwen, .other: context.drop("top_k")
            }
        }
        guard !members.isEmpty || notes != nil else { return nil }
        return JSONValue.object(members).adding(notes?.object ?? [])
    }

    /// Features that the caller asked for in Anthropic's header: Claude takes those that the platform knows.
    private static func betas(_ target: TargetTraits, _ context: inout BedrockContext) -> [JSONValue.Member] {
        guard !target.betas.isEmpty else { return [] }
        let (kept, left) =
            context.model.family == .claude ? AnthropicBetas.filter(target.betas, kind: "bedrock") : ([], target.betas)
        if !left.isEmpty { context.drop(AnthropicBetas.header) }
        return kept.isEmpty ? [] : [.init("anthropic_beta", .array(kept.map { .string($0) }))]
    }

    /// Bedrock tells that a stop sequence was met, but not which, unless the model's own field is asked for. Paths that
    /// point nowhere are ignored; whole answers and streams have it in different places.
    private static func stopPaths(_ request: CanonicalRequest, _ context: BedrockContext) -> JSONValue? {
        guard context.model.family == .claude, !request.sampling.stop.isEmpty,
            request.extensions[.bedrock, "additionalModelResponseFieldPaths"] == nil
        else { return nil }
        return .array([.string(request.stream ? "/delta/stop_sequence" : "/stop_sequence")])
    }

    // MARK: The rest

    private static func output(_ request: CanonicalRequest) throws(GatehouseError) -> JSONValue? {
        guard case .jsonSchema(let format) = request.responseFormat else { return nil }
        let noted = format.extensions[.bedrock, "$schema"]?.string
        let isSame = noted.flatMap { try? JSONValue(parsing: $0.utf8) } == format.schema
        let schema = JSONValue.object([
            "schema": .string(isSame ? noted ?? format.schema.text : format.schema.text),
            "name": format.name.map { .string($0) }, "description": format.description.map { .string($0) },
        ]).adding(format.extensions.written(.bedrock))
        let structure = JSONValue.object(["jsonSchema": schema])
        return .object(["textFormat": .object(["type": .string("json_schema"), "structure": structure])])
    }

    /// At most 16 pairs of short words with few marks; what breaks the rule stays here.
    private static func metadata(_ request: CanonicalRequest, _ context: inout BedrockContext) -> JSONValue? {
        let rule = NameRule(1...256, marks: " \t\n\r:_@$#=/+,-.")
        let members = request.metadata.filter { member in
            guard rule.allows(member.key), let value = member.value.string else { return false }
            return value.isEmpty || rule.allows(value)
        }.prefix(16)
        if members.count < request.metadata.count { context.drop("metadata") }
        return members.isEmpty ? nil : .object(Array(members))
    }

    private static func tier(_ request: CanonicalRequest, _ context: inout BedrockContext) -> JSONValue? {
        guard let tier = request.serviceTier, tier != "auto" else { return nil }
        guard ["priority", "default", "flex", "reserved"].contains(tier) else {
            context.drop("service_tier")
            return nil
        }
        return .object(["type": .string(tier)])
    }
}
