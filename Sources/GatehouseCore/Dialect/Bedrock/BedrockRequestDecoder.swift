/// Reads a Converse request
/// (https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html).
///
/// The model stands in the URL, and so does whether to stream: both are for the caller of this to set.
package enum BedrockRequestDecoder {
    package static func decode(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest {
        var fields = try JSONFields(body)
        var request = CanonicalRequest(model: "")
        try readSystem(&fields, &request)
        for (index, message) in (try fields.array("messages") ?? []).enumerated() {
            let previous = request.messages.last?.role
            var message = try self.message(message, path: fields.path("messages", index))
            // Turns that the caller kept apart stay apart.
            if index > 0, message.role == previous { message.extensions[.bedrock, "$apart"] = .bool(true) }
            request.messages.append(message)
        }
        try readInference(&fields, &request)
        try BedrockTools.read(&fields, &request)
        try BedrockReasoning.read(&fields, &request)
        try readOutput(&fields, &request)
        readMetadata(&fields, &request)
        var members = fields.rest
        members += request.extensions[.bedrock]
        request.extensions = Extensions(.bedrock, members)
        return request
    }

    private static func readSystem(
        _ fields: inout JSONFields, _ request: inout CanonicalRequest
    ) throws(GatehouseError) {
        guard let blocks = try fields.array("system") else { return }
        guard !blocks.isEmpty else {
            request.extensions[.bedrock, "$system"] = .array([])
            return
        }
        let decoder = BedrockBlockDecoder(isRequest: true, isAssistant: false)
        request.messages.append(Message(role: .system, parts: try decoder.parts(blocks, path: fields.path("system"))))
    }

    private static func message(_ value: JSONValue, path: String) throws(GatehouseError) -> Message {
        var fields = try JSONFields(value, path: path)
        let role: Message.Role
        switch try fields.requiredString("role") {
        case "user": role = .user
        case "assistant": role = .assistant
        case "system": role = .system
        default: throw fields.invalid("role", "must be user, assistant or system")
        }
        guard let blocks = try fields.array("content") else { throw fields.missing("content") }
        let decoder = BedrockBlockDecoder(isRequest: true, isAssistant: role == .assistant)
        var message = Message(role: role, parts: try decoder.parts(blocks, path: fields.path("content")))
        message.extensions = Extensions(.bedrock, fields.rest)
        if role == .system { message.extensions[.bedrock, "$inline"] = .bool(true) }
        return message
    }

    private static func readInference(
        _ fields: inout JSONFields, _ request: inout CanonicalRequest
    ) throws(GatehouseError) {
        guard var config = try fields.object("inferenceConfig") else { return }
        request.maxTokens = try config.int("maxTokens", in: 1...(1 << 40))
        request.sampling.temperature = try config.number("temperature")
        request.sampling.topP = try config.number("topP")
        if let stop = try config.array("stopSequences") {
            for (index, text) in stop.enumerated() {
                guard let text = text.string else {
                    throw JSONFields.invalid(config.path("stopSequences", index), "must be a string")
                }
                request.sampling.stop.append(text)
            }
        }
        var rest = config.rest
        if config.peek("stopSequences")?.array?.isEmpty == true { rest.append(.init("stopSequences", .array([]))) }
        request.extensions[.bedrock, "inferenceConfig"] = .object(rest)
    }

    /// `outputConfig`: the schema of the answer, as text.
    private static func readOutput(
        _ fields: inout JSONFields, _ request: inout CanonicalRequest
    ) throws(GatehouseError) {
        guard let config = fields.peek("outputConfig"), config.object?.count == 1, let format = config["textFormat"],
            format["type"]?.string == "json_schema", format["structure"]?.object?.count == 1,
            let schema = format["structure"]?["jsonSchema"]
        else { return }
        _ = fields.value("outputConfig")
        let path = fields.path("outputConfig") + ".textFormat.structure.jsonSchema"
        var inner = try JSONFields(schema, path: path)
        let text = try inner.requiredString("schema")
        guard let parsed = try? JSONValue(parsing: text.utf8) else {
            throw inner.invalid("schema", "must be a string that holds a JSON schema")
        }
        var found = JSONSchemaFormat(
            name: try inner.string("name"), description: try inner.string("description"), schema: parsed)
        found.extensions = Extensions(.bedrock, [.init("$schema", .string(text))] + inner.rest)
        request.responseFormat = .jsonSchema(found)
    }

    private static func readMetadata(_ fields: inout JSONFields, _ request: inout CanonicalRequest) {
        if let members = fields.peek("requestMetadata")?.object, members.allSatisfy({ $0.value.string != nil }) {
            _ = fields.value("requestMetadata")
            request.metadata = members
        }
        if let tier = fields.peek("serviceTier"), tier.object?.count == 1, let type = tier["type"]?.string {
            _ = fields.value("serviceTier")
            request.serviceTier = type
        }
    }
}
