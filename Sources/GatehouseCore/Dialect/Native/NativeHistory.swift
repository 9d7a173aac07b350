package import NIOCore

/// A conversation of the native API that this gateway keeps: messages as the API takes them.
package enum NativeHistory {
    /// The name under which the conversation of a session is kept.
    package static func id(ofSession session: String) -> String { prefix + session }

    /// What such names begin with.
    package static let prefix = "session/"

    /// The body with a conversation before its own prompt.
    package static func join(_ conversation: [JSONValue], into body: JSONValue) -> JSONValue {
        guard case .object(var members) = body, let prompt = body["prompt"]?.string, body["messages"] == nil else {
            return body
        }
        let question = JSONValue.object(["role": .string("user"), "content": .string(prompt)])
        members.removeAll { $0.key == "prompt" }
        members.append(.init("messages", .array(conversation + [question])))
        return .object(members)
    }

    /// The conversation with one more turn: what the body asks, and the answer.
    package static func whole(_ conversation: [JSONValue], asked body: JSONValue, answer: String) -> ByteBuffer {
        var parts: [JSONValue] = (body["files"]?.array ?? []).compactMap { file in
            let name = file.string ?? ["id", "filename", "name"].lazy.compactMap { file[$0]?.string }.first
            return name.map { .object(["type": .string("file"), "id": .string($0)]) }
        }
        parts.append(.object(["type": .string("text"), "text": .string(body["prompt"]?.string ?? "")]))
        let turn: [JSONValue] = [
            .object(["role": .string("user"), "content": .array(parts)]),
            .object(["role": .string("assistant"), "content": .string(answer)]),
        ]
        return JSONValue.array(conversation + turn).bytes
    }

    /// Messages that somebody brings, checked as those of a request are.
    ///
    /// - Throws: `invalid_value` that names the field.
    package static func check(_ messages: JSONValue) throws(GatehouseError) -> [JSONValue] {
        guard let list = messages.array else {
            throw GatehouseError(.invalidValue, "The field messages must be an array.", param: "messages")
        }
        if !list.isEmpty {
            _ = try NativeRequestDecoder.decode(.object(["model": .string("m"), "messages": messages]))
        }
        return list
    }
}
