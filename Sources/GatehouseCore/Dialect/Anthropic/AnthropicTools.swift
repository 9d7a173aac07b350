/// `tools` and `tool_choice`.
enum AnthropicTools {
    /// Anthropic's rule for the name of a tool: `^[a-zA-Z0-9_-]{1,128}$`.
    static let nameRule = NameRule(1...128)

    // MARK: Reading

    static func read(_ fields: inout JSONFields, _ request: inout CanonicalRequest) throws(GatehouseError) {
        for (index, value) in (try fields.array("tools") ?? []).enumerated() {
            request.tools.append(try tool(value, at: fields.path("tools", index)))
        }
        try readChoice(&fields, &request)
    }

    private static func tool(_ value: JSONValue, at path: String) throws(GatehouseError) -> Tool {
        var fields = try JSONFields(value, path: path)
        let type = try fields.string("type")
        if let type, type != "custom" {
            let name = value["name"]?.string ?? ""
            return Tool(.server(dialect: .anthropic, type: type, definition: value), name: name)
        }
        let name = try fields.requiredString("name")
        guard let schema = fields.value("input_schema") else { throw fields.missing("input_schema") }
        var tool = Tool(
            .function(parameters: schema), name: name, description: try fields.string("description"),
            strict: try fields.bool("strict"))
        tool.cache = try AnthropicCache.take(&fields)
        tool.extensions[.anthropic] = fields.rest
        if type != nil { tool.extensions[.anthropic, AnthropicNote.type] = .string("custom") }
        return tool
    }

    private static func readChoice(
        _ fields: inout JSONFields, _ request: inout CanonicalRequest
    ) throws(GatehouseError) {
        guard let whole = fields.value("tool_choice") else { return }
        var choice = try JSONFields(whole, path: fields.path("tool_choice"))
        switch try choice.requiredString("type") {
        case "auto": request.toolChoice = .auto
        case "any": request.toolChoice = .required
        case "none": request.toolChoice = ToolChoice.none
        case "tool": request.toolChoice = .tool(name: try choice.requiredString("name"))
        default:
            request.toolChoice = .native(.anthropic, whole)
            return
        }
        request.parallelToolCalls = try choice.bool("disable_parallel_tool_use").map { !$0 }
        if !choice.rest.isEmpty { request.extensions[.anthropic, "tool_choice"] = .object(choice.rest) }
    }

    // MARK: Writing what came in this dialect

    static func written(_ tool: Tool) -> JSONValue {
        switch tool.kind {
        case .server(_, _, let definition): return definition
        case .custom: return .null
        case .function(let parameters):
            let object = JSONValue.object([
                "type": tool.extensions[.anthropic, AnthropicNote.type], "name": .string(tool.name),
                "description": tool.description.map { .string($0) }, "input_schema": parameters,
                "strict": tool.strict.map { .bool($0) }, "cache_control": tool.cache.map(AnthropicCache.written),
            ])
            return object.adding(tool.extensions.written(.anthropic))
        }
    }

    static func writtenChoice(_ request: CanonicalRequest) -> JSONValue? {
        guard let choice = request.toolChoice else { return nil }
        if case .native(_, let whole) = choice { return whole }
        let rest = request.extensions[.anthropic, "tool_choice"]?.object ?? []
        return object(choice, parallel: request.parallelToolCalls).adding(rest)
    }

    private static func object(_ choice: ToolChoice, parallel: Bool?) -> JSONValue {
        let (type, name): (String, String?) =
            switch choice {
            case .auto, .native: ("auto", nil)
            case .none: ("none", nil)
            case .required: ("any", nil)
            case .tool(let name): ("tool", name)
            case .allowed(_, let isRequired): (isRequired ? "any" : "auto", nil)
            }
        return .object([
            "type": .string(type), "name": name.map { .string($0) },
            "disable_parallel_tool_use": parallel.map { .bool(!$0) },
        ])
    }

    // MARK: Writing what came in another dialect

    /// The tools of a foreign request.
    ///
    /// - Throws: `unsupported_parameter` for a tool that only another vendor runs, or that takes free text.
    static func translated(
        _ request: CanonicalRequest, _ model: AnthropicModel, _ names: inout NameMap, _ dropped: inout DroppedNames
    ) throws(GatehouseError) -> [JSONValue] {
        var tools: [JSONValue] = []
        for (index, tool) in request.tools.enumerated() {
            if case .allowed(let allowed, _) = request.toolChoice, !allowed.contains(tool.name) { continue }
            dropped.add(tool.extensions, foreignTo: .anthropic)
            switch tool.kind {
            case .server(.anthropic, _, let definition): tools.append(definition)
            case .function(let parameters):
                var strict = tool.strict
                if strict == true, !model.takesStructuredOutput {
                    strict = nil
                    dropped.add("strict")
                }
                tools.append(
                    .object([
                        "name": .string(names.legal(tool.name, nameRule)),
                        "description": tool.description.map { .string($0) }, "input_schema": schema(parameters),
                        "strict": strict == true ? .bool(true) : nil,
                        "cache_control": tool.cache.map(AnthropicCache.written),
                    ]))
            case .server, .custom:
                throw GatehouseError(
                    .unsupportedParameter, "The target has no tool like tools[\(index)].", param: "tools[\(index)].type"
                )
            }
        }
        return tools
    }

    /// A schema that Anthropic takes for a tool: an object, even where the tool has no parameters.
    private static func schema(_ parameters: JSONValue?) -> JSONValue {
        guard let parameters, parameters.object != nil else {
            return .object(["type": .string("object"), "properties": .object([])])
        }
        let isTyped = parameters["type"] != nil
        return isTyped ? parameters : parameters.adding([.init("type", .string("object"))])
    }

    /// The choice of a foreign request; `nil` where the vendor's default says the same.
    static func translatedChoice(
        _ request: CanonicalRequest, hasTools: Bool, _ names: inout NameMap
    ) throws(GatehouseError) -> JSONValue? {
        guard hasTools else {
            guard request.forcesTool else { return nil }
            throw GatehouseError(
                .invalidValue, "The field tool_choice demands a tool, and there is none.", param: "tool_choice")
        }
        var choice = request.toolChoice ?? .auto
        if case .native(let dialect, let whole) = choice {
            guard dialect == .anthropic else {
                throw GatehouseError(
                    .unsupportedParameter, "The target has no such choice of a tool.", param: "tool_choice")
            }
            return whole
        }
        if case .tool(let name) = choice { choice = .tool(name: names.legal(name, nameRule)) }
        let isSerial = request.parallelToolCalls == false
        if choice == .auto, !isSerial { return nil }
        return object(choice, parallel: isSerial && choice != ToolChoice.none ? false : nil)
    }
}

extension CanonicalRequest {
    /// The model must call a tool.
    var forcesTool: Bool {
        switch toolChoice {
        case .required, .tool, .allowed(_, isRequired: true): true
        default: false
        }
    }
}
