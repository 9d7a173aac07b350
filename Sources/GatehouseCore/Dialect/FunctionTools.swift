/// Reads and writes tools in the form `{"type":"function","function":{"name","description","parameters"}}`, for the
/// dialects that took it from OpenAI and added nothing of their own.
struct FunctionTools {
    let dialect: Dialect

    func decode(_ elements: [JSONValue], at path: (Int) -> String) throws(GatehouseError) -> [Tool] {
        var tools: [Tool] = []
        for (index, element) in elements.enumerated() { tools.append(try decode(element, at: path(index))) }
        return tools
    }

    private func decode(_ element: JSONValue, at path: String) throws(GatehouseError) -> Tool {
        var fields = try JSONFields(element, path: path)
        let type = try fields.string("type")
        if let type, type != "function" {
            return Tool(.server(dialect: dialect, type: type, definition: element), name: "")
        }
        guard var function = try fields.object("function") else { throw fields.missing("function") }
        let name = try function.requiredString("name")
        let description = try function.string("description")
        let parameters = function.value("parameters")
        var tool = Tool(.function(parameters: parameters), name: name, description: description)
        tool.extensions = Extensions(rest: fields.rest, of: dialect)
        if type == nil { tool.extensions[dialect, "$untyped"] = .bool(true) }
        if parameters == nil { tool.extensions[dialect, "$bare"] = .bool(true) }
        if !function.rest.isEmpty { tool.extensions[dialect, "function"] = .object(function.rest) }
        return tool
    }

    /// - Returns: `nil` for a tool that this form cannot express.
    func encode(_ tool: Tool, named name: String) -> JSONValue? {
        switch tool.kind {
        case .server(dialect, _, let definition): return definition
        case .server, .custom: return nil
        case .function(let parameters):
            let isBare = tool.extensions[dialect, "$bare"] != nil
            let none: JSONValue? = isBare ? nil : .object(["type": .string("object"), "properties": .object([])])
            let function = JSONValue.object([
                "name": .string(name), "description": tool.description.map { .string($0) },
                "parameters": parameters ?? none,
            ]).adding(tool.extensions[dialect, "function"]?.object ?? [])
            let isUntyped = tool.extensions[dialect, "$untyped"] != nil
            return JSONValue.object(["type": isUntyped ? nil : .string("function"), "function": function])
                .adding(tool.extensions.everyMember(dialect))
        }
    }
}
