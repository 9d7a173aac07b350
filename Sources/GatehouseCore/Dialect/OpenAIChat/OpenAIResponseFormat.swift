/// `response_format`: the form an answer shall have.
enum OpenAIResponseFormat {
    /// - Returns: `nil` for a form that only its vendor knows (a grammar).
    /// - Throws: `GatehouseError` when a schema is asked for and none is there.
    static func read(_ value: JSONValue, _ path: String) throws(GatehouseError) -> ResponseFormat? {
        var fields = try JSONFields(value, path: path)
        switch try fields.requiredString("type") {
        case "text": return .text
        case "json_object":
            // llama.cpp and others take a schema here.
            guard let schema = fields.value("schema"), schema.object != nil else { return .jsonObject }
            return .jsonSchema(JSONSchemaFormat(schema: schema))
        case "json_schema":
            // Together takes the schema without a wrapper.
            if fields.peek("json_schema") == nil, let schema = fields.value("schema") {
                return .jsonSchema(JSONSchemaFormat(schema: schema))
            }
            guard let inner = try fields.object("json_schema") else { throw fields.missing("json_schema") }
            return .jsonSchema(try schema(inner))
        default: return nil
        }
    }

    private static func schema(_ fields: JSONFields) throws(GatehouseError) -> JSONSchemaFormat {
        var fields = fields
        let name = try fields.string("name")
        let strict = try fields.bool("strict")
        guard let schema = fields.value("schema") else {
            // Some put the schema in the wrapper's place.
            guard fields.peek("type") != nil || fields.peek("properties") != nil else { throw fields.missing("schema") }
            return JSONSchemaFormat(name: name, schema: .object(fields.rest), strict: strict)
        }
        guard schema.object != nil else { throw fields.invalid("schema", "must be an object") }
        return JSONSchemaFormat(
            name: name, description: try fields.string("description"), schema: schema, strict: strict)
    }

    static func value(_ format: ResponseFormat) -> JSONValue {
        switch format {
        case .text: .object(["type": .string("text")])
        case .jsonObject: .object(["type": .string("json_object")])
        case .jsonSchema(let format):
            .object([
                "type": .string("json_schema"),
                "json_schema": .object([
                    "name": .string(name(format)), "description": format.description.map { .string($0) },
                    "schema": format.schema, "strict": format.strict.map { .bool($0) },
                ]),
            ])
        }
    }

    /// OpenAI demands a name, and legal characters in it; it goes nowhere else.
    private static func name(_ format: JSONSchemaFormat) -> String {
        var names = NameMap()
        return format.name.map { names.legal($0, OpenAIChatTarget.names) } ?? "response"
    }
}
