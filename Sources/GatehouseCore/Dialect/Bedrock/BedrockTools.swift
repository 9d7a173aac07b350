/// `toolConfig`: what the model may call, and whether it must.
enum BedrockTools {
    static let names = NameRule(1...64)

    // MARK: Reading

    static func read(_ fields: inout JSONFields, _ request: inout CanonicalRequest) throws(GatehouseError) {
        guard var config = try fields.object("toolConfig") else { return }
        for (index, tool) in (try config.array("tools") ?? []).enumerated() {
            if let last = request.tools.indices.last, request.tools[last].cache == nil,
                let marker = BedrockBlockDecoder.marker(tool)
            {
                request.tools[last].cache = marker
            } else {
                request.tools.append(try self.tool(tool, path: config.path("tools", index)))
            }
        }
        request.toolChoice = try config.value("toolChoice").map { choice throws(GatehouseError) in
            try self.choice(choice, path: config.path("toolChoice"))
        }
        let rest = config.rest
        if !rest.isEmpty { request.extensions[.bedrock, "toolConfig"] = .object(rest) }
    }

    private static func tool(_ value: JSONValue, path: String) throws(GatehouseError) -> Tool {
        guard value.object?.count == 1, let kind = value.object?.first?.key else {
            throw JSONFields.invalid(path, "must be an object with one member")
        }
        guard kind == "toolSpec", let spec = value["toolSpec"] else {
            let name = value[kind]?["name"]?.string ?? ""
            return Tool(.server(dialect: .bedrock, type: kind, definition: value), name: name)
        }
        var fields = try JSONFields(spec, path: "\(path).toolSpec")
        let name = try fields.requiredString("name")
        let description = try fields.string("description")
        guard let schema = fields.value("inputSchema") else { throw fields.missing("inputSchema") }
        var tool = Tool(.function(parameters: schema["json"]), name: name, description: description)
        if fields.peek("strict")?.bool == true { tool.strict = try fields.bool("strict") }
        tool.extensions = Extensions(.bedrock, fields.rest)
        return tool
    }

    private static func choice(_ value: JSONValue, path: String) throws(GatehouseError) -> ToolChoice {
        guard let member = value.object?.first, value.object?.count == 1 else {
            throw JSONFields.invalid(path, "must be an object with one member")
        }
        if member.key == "tool", member.value.object?.count == 1, let name = member.value["name"]?.string {
            return .tool(name: name)
        }
        guard member.value == .object([]) else { return .native(.bedrock, value) }
        switch member.key {
        case "auto": return .auto
        case "any": return .required
        default: return .native(.bedrock, value)
        }
    }

    // MARK: Writing

    /// `toolConfig`; `nil` when the model may call nothing.
    ///
    /// - Parameter called: Names of functions that the conversation calls, as the target knows them. Bedrock refuses a
    ///   conversation with calls in it unless tools are declared.
    static func config(
        _ request: CanonicalRequest, called: [String], _ context: inout BedrockContext
    ) throws(GatehouseError) -> JSONValue? {
        let notes = request.extensions[.bedrock, "toolConfig"]?.object ?? []
        if request.toolChoice == ToolChoice.none {
            guard called.isEmpty else {
                throw GatehouseError(
                    .unsupportedParameter,
                    "Amazon Bedrock cannot be told not to call tools in a conversation that has calls in it.",
                    param: "tool_choice")
            }
            return nil
        }
        var tools: [JSONValue] = []
        for (index, tool) in offered(request).enumerated() {
            tools.append(try self.tool(tool, index, &context))
            if let marker = tool.cache, let point = context.cachePoint(marker, onTool: true) { tools.append(point) }
        }
        if tools.isEmpty { tools = called.map(declaration) }
        if tools.isEmpty { return notes.isEmpty ? nil : .object(notes) }
        let choice = try choice(request, &context)
        return JSONValue.object(["tools": .array(tools), "toolChoice": choice]).adding(notes)
    }

    /// What may be called: Bedrock has no list of allowed tools, so the others are not told.
    private static func offered(_ request: CanonicalRequest) -> [Tool] {
        guard case .allowed(let names, _) = request.toolChoice else { return request.tools }
        return request.tools.filter { names.contains($0.name) }
    }

    /// A function of which only the name is known.
    private static func declaration(_ name: String) -> JSONValue {
        .object(["toolSpec": .object(["name": .string(name), "inputSchema": schema(nil)])])
    }

    private static func schema(_ parameters: JSONValue?) -> JSONValue {
        .object(["json": parameters ?? .object(["type": .string("object"), "properties": .object([])])])
    }

    private static func tool(
        _ tool: Tool, _ index: Int, _ context: inout BedrockContext
    ) throws(GatehouseError) -> JSONValue {
        switch tool.kind {
        case .server(.bedrock, _, let definition): return definition
        case .server(_, let type, _):
            throw BedrockMedia.unsupported("tools[\(index)]", "the tool \(type), which another vendor runs")
        case .custom: throw BedrockMedia.unsupported("tools[\(index)]", "tools with free text as input")
        case .function(let parameters):
            var strict: JSONValue?
            if tool.strict == true {
                if context.model.refusesStrict { context.drop("strict") } else { strict = .bool(true) }
            }
            let description = tool.description.flatMap { $0.isEmpty ? nil : JSONValue.string($0) }
            let spec = JSONValue.object([
                "name": .string(context.names.legal(tool.name, names)), "description": description,
                "inputSchema": schema(parameters), "strict": strict,
            ])
            return .object(["toolSpec": spec.adding(tool.extensions.written(.bedrock))])
        }
    }

    private static func choice(
        _ request: CanonicalRequest, _ context: inout BedrockContext
    ) throws(GatehouseError) -> JSONValue? {
        switch request.toolChoice {
        case nil, .some(.none), .allowed(_, isRequired: false): return nil
        case .auto: return .object(["auto": .object([])])
        case .required, .allowed(_, isRequired: true): return .object(["any": .object([])])
        case .tool(let name):
            return .object(["tool": .object(["name": .string(context.names.legal(name, names))])])
        case .native(.bedrock, let value): return value
        case .native: throw BedrockMedia.unsupported("tool_choice", "this choice, which is another vendor's")
        }
    }
}
