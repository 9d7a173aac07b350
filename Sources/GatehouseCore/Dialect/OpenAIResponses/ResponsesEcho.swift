/// What an answer repeats of its request. Official clients' models want these members in every answer.
package enum ResponsesEcho {
    private static let defaults: [JSONValue.Member] = [
        .init("background", .bool(false)), .init("instructions", .null), .init("max_output_tokens", .null),
        .init("max_tool_calls", .null), .init("metadata", .object([JSONValue.Member]())),
        .init("parallel_tool_calls", .bool(true)), .init("previous_response_id", .null),
        .init("prompt_cache_key", .null),
        .init("reasoning", .object([.init("effort", .null), .init("summary", .null)])),
        .init("safety_identifier", .null), .init("service_tier", .string("default")),
        .init("temperature", .number("1")),
        .init("text", .object([.init("format", .object([.init("type", .string("text"))]))])),
        .init("tool_choice", .string("auto")), .init("tools", .array([])), .init("top_logprobs", .number("0")),
        .init("top_p", .number("1")), .init("truncation", .string("disabled")), .init("user", .null),
    ]

    /// Repeated when given, else left out.
    private static let optional = ["conversation", "prompt", "prompt_cache_retention", "store"]

    /// The members to repeat of a request's body, with the vendor's defaults for those it leaves out.
    package static func members(of body: JSONValue) -> [JSONValue.Member] {
        var members = defaults.map { member in
            let given = body[member.key]
            return JSONValue.Member(member.key, given.flatMap { $0.isNull ? nil : $0 } ?? member.value)
        }
        for key in optional {
            guard let value = body[key], !value.isNull else { continue }
            let isID = key == "conversation" && value.string != nil
            members.append(.init(key, isID ? .object([.init("id", value)]) : value))
        }
        return members
    }

    /// The answer's members that are the same from its first event to its last: who it is and what it repeats.
    static func head(_ identity: AnswerIdentity) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = [
            .init("id", .string(ResponsesID.response(identity.call))), .init("object", .string("response")),
            .init("created_at", .int(identity.created)), .init("model", .string(identity.model)),
        ]
        let own = Set(members.map(\.key)).union(changing)
        let echo = identity.echo.isEmpty ? defaults : identity.echo
        members += echo.filter { !own.contains($0.key) }
        let known = Set(members.map(\.key))
        members += defaults.filter { !known.contains($0.key) }
        return members
    }

    /// The members that tell how the answer goes.
    private static let changing: Set<String> = ["status", "error", "incomplete_details", "output", "usage"]
}
