/// Tools, and which of them to call, in OpenAI's chat format.
enum OpenAITools {
    // MARK: Reading

    static func tool(_ value: JSONValue, _ path: String) throws(GatehouseError) -> Tool {
        var fields = try JSONFields(value, path: path)
        let type = try fields.string("type")
        var tool: Tool
        switch type {
        case "function", nil:
            guard let inner = try fields.object("function") else { throw fields.missing("function") }
            tool = try function(inner)
            if type == nil { tool.extensions[.openAIChat, OpenAINote.untyped] = .bool(true) }
        case "custom":
            guard var inner = try fields.object("custom") else { throw fields.missing("custom") }
            let name = try inner.requiredString("name")
            tool = Tool(
                .custom(format: inner.value("format")), name: name, description: try inner.string("description"))
            if !inner.rest.isEmpty { tool.extensions[.openAIChat, OpenAINote.inner] = .object(inner.rest) }
        case .some(let type):
            let name = value["name"]?.string ?? ""
            return Tool(.server(dialect: .openAIChat, type: type, definition: value), name: name)
        }
        if fields.peek("cache_control")?.object != nil {
            tool.cache = OpenAIContentReader.cache(fields.value("cache_control"))
        }
        tool.extensions.keep(fields.rest, in: .openAIChat)
        return tool
    }

    /// One of the older `functions`.
    static func legacyFunction(_ value: JSONValue, _ path: String) throws(GatehouseError) -> Tool {
        var tool = try function(try JSONFields(value, path: path))
        tool.extensions[.openAIChat, OpenAINote.legacy] = .bool(true)
        return tool
    }

    private static func function(_ fields: JSONFields) throws(GatehouseError) -> Tool {
        var fields = fields
        let name = try fields.requiredString("name")
        let parameters = fields.value("parameters")
        if let parameters, parameters.object == nil { throw fields.invalid("parameters", "must be an object") }
        var tool = Tool(
            .function(parameters: parameters), name: name, description: try fields.string("description"),
            strict: try fields.bool("strict"))
        if !fields.rest.isEmpty { tool.extensions[.openAIChat, OpenAINote.inner] = .object(fields.rest) }
        return tool
    }

    /// `tool_choice`; what only a vendor can mean stays as it is.
    static func choice(_ value: JSONValue, _ path: String) throws(GatehouseError) -> ToolChoice {
        switch value {
        case .string("auto"): return .auto
        case .string("none"): return .none
        case .string("required"), .string("any"): return .required
        case .string: throw JSONFields.invalid(path, "must be none, auto, required or an object")
        case .object: return named(value) ?? allowed(value) ?? .native(.openAIChat, value)
        default: throw JSONFields.invalid(path, "must be a string or an object")
        }
    }

    private static func named(_ value: JSONValue) -> ToolChoice? {
        guard let type = value["type"]?.string, type == "function" || type == "custom",
            let name = value[type]?["name"]?.string, value.object?.count == 2, value[type]?.object?.count == 1
        else { return nil }
        return .tool(name: name)
    }

    private static func allowed(_ value: JSONValue) -> ToolChoice? {
        guard value["type"]?.string == "allowed_tools", let inner = value["allowed_tools"],
            let tools = inner["tools"]?.array, let mode = inner["mode"]?.string, mode == "auto" || mode == "required",
            value.object?.count == 2, inner.object?.count == 2
        else { return nil }
        var names: [String] = []
        for tool in tools {
            guard case .tool(let name) = named(tool) else { return nil }
            names.append(name)
        }
        return .allowed(names: names, isRequired: mode == "required")
    }

    /// The older `function_call`.
    static func legacyChoice(_ value: JSONValue, _ path: String) throws(GatehouseError) -> ToolChoice {
        if let word = value.string { return try choice(.string(word), path) }
        guard let name = value["name"]?.string else {
            throw JSONFields.invalid(path, "must be a string or have a name")
        }
        return .tool(name: name)
    }

    // MARK: Writing

    /// - Returns: `nil` for a tool of another vendor.
    static func value(_ tool: Tool, _ names: inout NameMap, rule: NameRule?, cache: Bool) -> JSONValue? {
        let name = rule.map { names.legal(tool.name, $0) } ?? tool.name
        let inner = tool.extensions[.openAIChat, OpenAINote.inner]?.object ?? []
        var members: [JSONValue.Member]
        switch tool.kind {
        case .function(let parameters):
            let function = JSONValue.object([
                "name": .string(name), "description": tool.description.map { .string($0) }, "parameters": parameters,
                "strict": tool.strict.map { .bool($0) },
            ])
            if tool.extensions.has(OpenAINote.legacy, in: .openAIChat) { return function.adding(inner) }
            members = [.init("type", .string("function")), .init("function", function.adding(inner))]
            if tool.extensions.has(OpenAINote.untyped, in: .openAIChat) { members.removeFirst() }
        case .custom(let format):
            let custom = JSONValue.object([
                "name": .string(name), "description": tool.description.map { .string($0) }, "format": format,
            ])
            members = [.init("type", .string("custom")), .init("custom", custom.adding(inner))]
        case .server(.openAIChat, _, let definition): return definition
        case .server: return nil
        }
        if cache, let marker = tool.cache { members.append(OpenAIContentWriter.cache(marker)) }
        return .object(members + tool.extensions.restored(.openAIChat))
    }

    /// - Parameter tools: The request's, to tell functions from custom tools.
    /// - Returns: `nil` for a choice that only another dialect understands.
    static func value(
        _ choice: ToolChoice, tools: [Tool], required: String, name: (String) -> String
    ) -> JSONValue? {
        func reference(_ original: String) -> JSONValue {
            let tool = tools.first { $0.name == original }
            var type = "function"
            if case .custom = tool?.kind { type = "custom" }
            return .object([
                .init("type", .string(type)), .init(type, .object(["name": .string(name(original))])),
            ])
        }
        switch choice {
        case .auto: return .string("auto")
        case .none: return .string("none")
        case .required: return .string(required)
        case .tool(let name): return reference(name)
        case .allowed(let names, let isRequired):
            return .object([
                "type": .string("allowed_tools"),
                "allowed_tools": .object([
                    "mode": .string(isRequired ? "required" : "auto"), "tools": .array(names.map(reference)),
                ]),
            ])
        case .native(.openAIChat, let value): return value
        case .native: return nil
        }
    }
}
