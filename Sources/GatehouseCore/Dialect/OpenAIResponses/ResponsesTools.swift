/// Reads and writes tools and the choice among them.
enum ResponsesTools {
    static func read(_ value: JSONValue, path: String) throws(GatehouseError) -> Tool {
        var fields = try JSONFields(value, path: path)
        let type = try fields.requiredString("type")
        var tool: Tool
        switch type {
        case "function":
            let name = try fields.requiredString("name")
            tool = Tool(
                .function(parameters: fields.value("parameters")), name: name,
                description: try fields.string("description"), strict: try fields.bool("strict"))
            tool.extensions = Extensions(.openAIResponses, fields.rest)
        case "custom":
            let name = try fields.requiredString("name")
            tool = Tool(
                .custom(format: fields.value("format")), name: name, description: try fields.string("description"))
            tool.extensions = Extensions(.openAIResponses, fields.rest)
        default:
            let kind = Tool.Kind.server(dialect: .openAIResponses, type: type, definition: value)
            tool = Tool(kind, name: value["name"]?.string ?? "")
        }
        tool.extensions.noteResponses(ResponsesNote.own)
        return tool
    }

    /// - Throws: `unsupported_parameter` for a tool that another vendor runs: without it the model could do less.
    static func write(_ tool: Tool, _ names: inout NameMap, path: String) throws(GatehouseError) -> JSONValue {
        let isOwn = tool.extensions.responsesNote(ResponsesNote.own) != nil
        var members: [JSONValue.Member] = []
        func add(_ key: String, _ value: JSONValue?) {
            if let value { members.append(.init(key, value)) }
        }
        switch tool.kind {
        case .server(.openAIResponses, _, let definition): return definition
        case .server(_, let type, _):
            throw GatehouseError(
                .unsupportedParameter, "The target has no tool like \(type).", param: "\(path).type")
        case .function(let parameters):
            add("type", .string("function"))
            add("name", .string(isOwn ? tool.name : names.legal(tool.name, ResponsesRules.functionName)))
            add("description", tool.description.map { .string($0) })
            add("parameters", isOwn ? parameters : parameters ?? noParameters)
            // The vendor's default is strict, other dialects' is not; a schema made for those would be refused.
            add("strict", (isOwn ? tool.strict : tool.strict ?? false).map { .bool($0) })
        case .custom(let format):
            add("type", .string("custom"))
            add("name", .string(isOwn ? tool.name : names.legal(tool.name, ResponsesRules.functionName)))
            add("description", tool.description.map { .string($0) })
            add("format", format.map(flat))
        }
        return .object(members).adding(tool.extensions.written(.openAIResponses))
    }

    private static var noParameters: JSONValue {
        .object(["type": .string("object"), "properties": .object([JSONValue.Member]())])
    }

    /// OpenAI's chat dialect has a grammar's members one level deeper.
    private static func flat(_ format: JSONValue) -> JSONValue {
        guard let grammar = format["grammar"]?.object else { return format }
        return .object(format.members(except: ["grammar"])).adding(grammar)
    }
}

extension ResponsesTools {
    static func readChoice(_ value: JSONValue, path: String) throws(GatehouseError) -> ToolChoice {
        if let word = value.string {
            switch word {
            case "auto": return .auto
            case "none": return .none
            case "required": return .required
            default: throw JSONFields.invalid(path, "must be auto, none, required or an object")
            }
        }
        guard let members = value.object else {
            throw JSONFields.invalid(path, "must be auto, none, required or an object")
        }
        if let name = toolName(value) { return .tool(name: name) }
        if value["type"]?.string == "allowed_tools", members.count == 3, let tools = value["tools"]?.array {
            let names = tools.compactMap(toolName)
            let mode = value["mode"]?.string
            if names.count == tools.count, mode == "auto" || mode == "required" {
                return .allowed(names: names, isRequired: mode == "required")
            }
        }
        return .native(.openAIResponses, value)
    }

    /// The name in `{"type": "function", "name": …}`, if there is nothing more.
    private static func toolName(_ value: JSONValue) -> String? {
        guard let type = value["type"]?.string, type == "function" || type == "custom", value.object?.count == 2 else {
            return nil
        }
        return value["name"]?.string
    }

    /// - Throws: `unsupported_parameter` for a choice that only another dialect knows.
    static func writeChoice(
        _ choice: ToolChoice, _ tools: [Tool], _ names: inout NameMap, isOwn: Bool
    ) throws(GatehouseError) -> JSONValue {
        switch choice {
        case .auto: return .string("auto")
        case .none: return .string("none")
        case .required: return .string("required")
        case .tool(let name): return reference(name, tools, &names, isOwn: isOwn)
        case .allowed(let allowed, let isRequired):
            var references: [JSONValue] = []
            for name in allowed { references.append(reference(name, tools, &names, isOwn: isOwn)) }
            return .object([
                "type": .string("allowed_tools"), "mode": .string(isRequired ? "required" : "auto"),
                "tools": .array(references),
            ])
        case .native(.openAIResponses, let value): return value
        case .native:
            throw GatehouseError(
                .unsupportedParameter, "The target has no such choice of tools.", param: "tool_choice")
        }
    }

    private static func reference(
        _ name: String, _ tools: [Tool], _ names: inout NameMap, isOwn: Bool
    ) -> JSONValue {
        var type = "function"
        if case .custom = tools.first(where: { $0.name == name })?.kind { type = "custom" }
        return .object([
            "type": .string(type), "name": .string(isOwn ? name : names.legal(name, ResponsesRules.functionName)),
        ])
    }
}
