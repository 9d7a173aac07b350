/// Writes a request in OpenAI's chat format for a target.
package struct OpenAIChatRequestEncoder {
    private var request: CanonicalRequest
    private let target: TargetTraits
    private let traits: OpenAIChatTarget
    /// It came in this dialect: what its caller wrote is written again.
    private let isOwn: Bool
    private var names = NameMap()
    private var dropped: [String] = []

    package static func encode(
        _ request: CanonicalRequest, for target: TargetTraits
    ) throws(GatehouseError) -> EncodedRequest {
        var encoder = OpenAIChatRequestEncoder(request, target)
        return try encoder.encode()
    }

    private init(_ request: CanonicalRequest, _ target: TargetTraits) {
        self.request = request
        self.target = target
        traits = OpenAIChatTarget(kind: target.kind)
        isOwn = request.extensions.has(OpenAINote.form, in: .openAIChat)
    }

    private mutating func encode() throws(GatehouseError) -> EncodedRequest {
        if request.previousResponse != nil {
            throw GatehouseError(
                .unsupportedParameter, "This model cannot go on from a stored response.", param: "previous_response_id")
        }
        var members: [JSONValue.Member] = []
        if !target.model.isEmpty { members.append(.init("model", .string(target.model))) }
        let tools = toolMembers()
        members.append(.init("messages", try messages()))
        members += tools
        members += samplingMembers()
        members += optionMembers()
        if let reasoning = request.reasoning {
            members += OpenAIReasoningOptions.members(reasoning, for: traits, dropped: &dropped)
        }
        members += request.extensions.restored(.openAIChat).filter { member in
            !members.contains { $0.key == member.key }
        }
        for name in request.extensions.foreign(to: .openAIChat) { drop(name) }
        if request.cache != nil { drop("cache_control") }
        var encoded = EncodedRequest(body: .object(members))
        encoded.dropped = dropped
        encoded.names = names
        return encoded
    }

    /// OpenAI's rule binds its own API; other providers' names are left as a caller of this dialect wrote them.
    private var nameRule: NameRule? { isOwn && !traits.isOpenAI ? nil : OpenAIChatTarget.names }

    private func legal(_ name: String) -> String {
        guard let rule = nameRule, !rule.allows(name) else { return name }
        return rule.standIn(for: name)
    }

    private mutating func messages() throws(GatehouseError) -> JSONValue {
        let rule = nameRule
        var encoder = OpenAIChatMessageEncoder(traits) { name in
            guard let rule, !rule.allows(name) else { return name }
            return rule.standIn(for: name)
        }
        try encoder.encode(request.messages)
        for name in encoder.dropped { drop(name) }
        return .array(encoder.messages)
    }

    // MARK: Tools

    private mutating func toolMembers() -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        var tools: [JSONValue] = []
        var functions: [JSONValue] = []
        for tool in offered {
            guard let value = OpenAITools.value(tool, &names, rule: nameRule, cache: traits.takesCacheMarkers) else {
                drop(serverType(tool))
                continue
            }
            if tool.cache != nil, !traits.takesCacheMarkers { drop("cache_control") }
            if tool.extensions.has(OpenAINote.legacy, in: .openAIChat) {
                functions.append(value)
            } else {
                tools.append(value)
            }
        }
        if !tools.isEmpty { members.append(.init("tools", .array(tools))) }
        if !functions.isEmpty { members.append(.init("functions", .array(functions))) }
        members += choiceMember(hasTools: !tools.isEmpty || !functions.isEmpty)
        if let parallel = request.parallelToolCalls, isOwn || !tools.isEmpty {
            members.append(.init("parallel_tool_calls", .bool(parallel)))
        }
        return members
    }

    /// The tools that may be called: where a choice among some cannot be said, only these are offered.
    private var offered: [Tool] {
        guard case .allowed(let names, _) = request.toolChoice, !isOwn, !traits.isOpenAI else { return request.tools }
        return request.tools.filter { names.contains($0.name) }
    }

    private mutating func choiceMember(hasTools: Bool) -> [JSONValue.Member] {
        guard var choice = request.toolChoice else { return [] }
        let note = request.extensions[.openAIChat, "$tool_choice"]?.string
        if case .allowed(_, let isRequired) = choice, !isOwn, !traits.isOpenAI {
            choice = isRequired ? .required : .auto
        }
        if !isOwn, !hasTools { return [] }
        if note == "function_call", case .tool(let name) = choice {
            return [.init("function_call", .object(["name": .string(legal(name))]))]
        }
        let required = isOwn ? (note == "any" ? "any" : "required") : traits.requiredWord
        guard
            let value = OpenAITools.value(choice, tools: request.tools, required: required, name: { legal($0) })
        else {
            drop("tool_choice")
            return []
        }
        return [.init(note == "function_call" ? "function_call" : "tool_choice", value)]
    }

    private func serverType(_ tool: Tool) -> String {
        if case .server(_, let type, _) = tool.kind { return type }
        return tool.name
    }

    // MARK: Options

    private mutating func samplingMembers() -> [JSONValue.Member] {
        var request = request
        if !isOwn, traits.isOpenAI, OpenAIModel.fixesSampling(target.model, for: request.reasoning) {
            for name in request.sampling.takeChoiceOfTokens() { drop(name) }
            self.request = request
        }
        let sampling = OpenAISampling(dialect: .openAIChat)
        for name in sampling.dropped(request, traits) { drop(name) }
        return sampling.members(request, for: target.kind, traits)
    }

    private mutating func optionMembers() -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        func add(_ key: String, _ value: JSONValue?) {
            if let value { members.append(.init(key, value)) }
        }
        add(limitKey, request.maxTokens.map { .int($0) })
        add("response_format", format)
        add("logprobs", request.sampling.logprobs.map { .bool($0) })
        add("top_logprobs", request.sampling.topLogprobs.map { .int($0) })
        add("metadata", request.metadata.isEmpty ? nil : .object(request.metadata))
        add("service_tier", serviceTier())
        if isOwn || traits.isOpenAI {
            add("store", request.store.map { .bool($0) })
        } else if request.store == true {
            drop("store")
        }
        return members
    }

    private var limitKey: String {
        if isOwn { return request.extensions[.openAIChat, "$max_tokens"]?.string ?? "max_tokens" }
        return traits.isOpenAI ? "max_completion_tokens" : "max_tokens"
    }

    private var format: JSONValue? {
        guard let format = request.responseFormat else { return nil }
        if let came = request.extensions[.openAIChat, "$response_format"],
            (try? OpenAIResponseFormat.read(came, "response_format")) == format
        {
            return came
        }
        return OpenAIResponseFormat.value(format)
    }

    /// The tiers of other vendors have other words.
    private mutating func serviceTier() -> JSONValue? {
        guard let tier = request.serviceTier else { return nil }
        if isOwn || ["auto", "default", "flex", "priority", "scale"].contains(tier) { return .string(tier) }
        drop("service_tier")
        return nil
    }

    private mutating func drop(_ name: String) {
        if !dropped.contains(name) { dropped.append(name) }
    }
}
