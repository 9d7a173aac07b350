/// `tools`: each object of the array may hold functions of the caller and any number of Google's own tools. The
/// canonical model has one list; `$group` tells in which object a tool stood.
enum GeminiTools {
    private typealias Note = GeminiRequestDecoder.Note

    // MARK: Decoding

    static func decode(_ fields: inout JSONFields, into request: inout CanonicalRequest) throws(GatehouseError) {
        guard let value = fields.value("tools") else { return }
        let groups: [JSONValue]
        switch value {
        case .array(let array): groups = array
        case .object:
            groups = [value]
            request.extensions[.gemini, Note.toolsSingle] = .bool(true)
        default: throw fields.invalid("tools", "must be an array")
        }
        var leftovers: [JSONValue] = []
        for (index, group) in groups.enumerated() {
            let members = try JSONFields(group, path: fields.path("tools", index))
            leftovers.append(try decode(members, group: index, into: &request.tools))
        }
        request.extensions[.gemini, Note.tools] = .array(leftovers)
    }

    /// - Returns: An object of the members that are no tool.
    private static func decode(
        _ fields: JSONFields, group: Int, into tools: inout [Tool]
    ) throws(GatehouseError) -> JSONValue {
        var fields = fields
        var leftovers: [JSONValue.Member] = []
        if let functions = try fields.array("functionDeclarations") {
            if functions.isEmpty { leftovers.append(JSONValue.Member("functionDeclarations", .array([]))) }
            for (index, function) in functions.enumerated() {
                let path = fields.path("functionDeclarations", index)
                tools.append(try declaration(JSONFields(function, path: path), group: group))
            }
        }
        for member in fields.rest {
            guard !member.value.isNull else {
                leftovers.append(member)
                continue
            }
            var tool = Tool(.server(dialect: .gemini, type: member.key, definition: member.value), name: "")
            tool.extensions[.gemini, Note.group] = .int(group)
            tools.append(tool)
        }
        return .object(leftovers)
    }

    private static func declaration(_ fields: JSONFields, group: Int) throws(GatehouseError) -> Tool {
        var fields = fields
        let name = try fields.requiredString("name")
        let description = try fields.string("description")
        var tool = Tool(.function(parameters: nil), name: name, description: description)
        if let schema = fields.value("parametersJsonSchema") {
            tool.kind = .function(parameters: schema)
        } else if let schema = fields.value("parameters") {
            guard schema.object != nil else { throw fields.invalid("parameters", "must be an object") }
            tool.kind = .function(parameters: GeminiSchema.jsonSchema(schema))
            tool.extensions[.gemini, Note.schema] = schema
        }
        tool.extensions[.gemini] += fields.rest
        tool.extensions[.gemini, Note.group] = .int(group)
        return tool
    }

    // MARK: Encoding

    static func encode(
        _ request: CanonicalRequest, _ context: inout GeminiEncoding
    ) throws(GatehouseError) -> JSONValue? {
        let leftovers = request.extensions[.gemini, Note.tools]?.array
        guard leftovers != nil || !request.tools.isEmpty else { return nil }
        var groups: [Group] = (leftovers ?? []).map { Group(members: $0.object ?? []) }
        var foreign = Group(members: [])
        for tool in request.tools {
            let place = tool.extensions[.gemini, Note.group]?.int
            if let place, groups.indices.contains(place) {
                try groups[place].add(tool, &context)
            } else {
                try foreign.add(tool, &context)
            }
        }
        if !foreign.isEmpty { groups.append(foreign) }
        let written = groups.map(\.value)
        guard !written.isEmpty || leftovers != nil else { return nil }
        if request.extensions[.gemini, Note.toolsSingle] != nil, written.count == 1 { return written[0] }
        return .array(written)
    }

    /// One object of `tools`.
    private struct Group {
        var members: [JSONValue.Member]
        private var functions: [JSONValue] = []

        init(members: [JSONValue.Member]) { self.members = members }

        var isEmpty: Bool { members.isEmpty && functions.isEmpty }

        var value: JSONValue {
            guard !functions.isEmpty else { return .object(members) }
            return .object(members + [JSONValue.Member("functionDeclarations", .array(functions))])
        }

        mutating func add(_ tool: Tool, _ context: inout GeminiEncoding) throws(GatehouseError) {
            if tool.cache != nil { context.drop("cache_control") }
            if tool.strict == true { context.drop("strict") }
            context.drop(tool.extensions.foreign(to: .gemini))
            switch tool.kind {
            case .function(let parameters): functions.append(declaration(tool, parameters, &context))
            case .custom:
                throw GatehouseError(
                    .unsupportedParameter, "Gemini has no tools that take free text.", param: "tools")
            case .server(.gemini, let type, let definition):
                members.append(JSONValue.Member(type, definition))
            case .server(_, let type, _):
                throw GatehouseError(
                    .unsupportedParameter, "Gemini does not know the tool \(type).", param: "tools")
            }
        }

        private func declaration(
            _ tool: Tool, _ parameters: JSONValue?, _ context: inout GeminiEncoding
        ) -> JSONValue {
            var members = [JSONValue.Member("name", .string(context.name(tool.name)))]
            if let description = tool.description {
                members.append(JSONValue.Member("description", .string(description)))
            }
            if let schema = tool.extensions[.gemini, Note.schema] {
                members.append(JSONValue.Member("parameters", schema))
            } else if let parameters, context.takesJSONSchema {
                members.append(JSONValue.Member("parametersJsonSchema", parameters))
            } else if let parameters, parameters["properties"]?.object?.isEmpty == false {
                members.append(JSONValue.Member("parameters", GeminiSchema.openAPI(parameters)))
            }
            return JSONValue.object(members).adding(tool.extensions.written(.gemini))
        }
    }
}
