/// Reads and writes whole answers of Cohere's chat API.
enum CohereResponseCodec {
    static func decode(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        guard let message = body["message"] else { throw Failure(.protocol, detail: "no message") }
        // An error's message is a text.
        if let text = message.string { throw CohereFailure.classify(text: text, "error in a 200") }
        guard message.object != nil else { throw Failure(.protocol, detail: "message is no object") }
        var parts = parts(message)
        var notes: [JSONValue.Member] = []
        let citations = citations(message, into: &parts)
        if let plan = message["tool_plan"]?.string, !plan.isEmpty {
            parts.append(Part(.thinking(Thinking(plan))))
            notes.append(.init("$tool_plan", .bool(true)))
        }
        for call in message["tool_calls"]?.array ?? [] { parts.append(try Self.call(call)) }
        let finish = try Finish(cohere: body, hasCalls: parts.contains { $0.toolCall != nil })
        var known: Set = ["role", "content", "citations"]
        if !notes.isEmpty { known.insert("tool_plan") }
        if message["tool_calls"]?.array?.isEmpty == false { known.insert("tool_calls") }
        notes.append(.init("$message", .object(message.members(except: known) + citations)))
        if message["content"]?.array == nil { notes.append(.init("$content", message["content"] ?? .bool(false))) }
        var response = CanonicalResponse(
            start: AnswerStart(id: body["id"]?.string), parts: parts, finish: finish)
        response.extensions = Extensions(
            .cohere, body.members(except: ["id", "message", "finish_reason", "usage"]) + notes)
        return response
    }

    private static func parts(_ message: JSONValue) -> [Part] {
        if let text = message["content"]?.string { return [.text(text)] }
        return (message["content"]?.array ?? []).map { element in
            if element["type"]?.string == "text", let text = element["text"]?.string { return .text(text) }
            if element["type"]?.string == "thinking", let text = element["thinking"]?.string {
                return Part(.thinking(Thinking(text)))
            }
            return Part(.native(.cohere, type: element["type"]?.string ?? "part", element))
        }
    }

    /// Puts citations to the parts they belong to; gives the member back when there is none.
    private static func citations(_ message: JSONValue, into parts: inout [Part]) -> [JSONValue.Member] {
        guard let citations = message["citations"] else { return [] }
        let text = parts.firstIndex { $0.text != nil }
        guard let elements = citations.array, !elements.isEmpty, let text else {
            return [.init("citations", citations)]
        }
        for element in elements {
            let index = element["content_index"]?.count ?? text
            let place = parts.indices.contains(index) && parts[index].text != nil ? index : text
            parts[place].citations.append(Citation(cohere: element))
        }
        return []
    }

    private static func call(_ value: JSONValue) throws(Failure) -> Part {
        guard let name = value["function"]?["name"]?.string else {
            throw Failure(.protocol, detail: "tool call without a name")
        }
        let arguments = value["function"]?["arguments"]?.string ?? ""
        return Part(
            .toolCall(
                ToolCall(
                    id: value["id"]?.string ?? "", name: name, arguments: arguments.isEmpty ? "{}" : arguments)))
    }

    static func encode(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        func note(_ key: String) -> JSONValue? { response.extensions[.cohere, key] }
        var parts = response.parts
        var plan: JSONValue?
        if note("$tool_plan") != nil, let place = parts.lastIndex(where: { $0.thinking != nil }) {
            plan = .string(parts[place].thinking?.text ?? "")
            parts.remove(at: place)
        }
        let content = parts.compactMap(Self.content)
        let calls = parts.compactMap(\.toolCall).map(Self.value)
        let citations = parts.flatMap(\.citations).map(\.cohereValue)
        var list: JSONValue? = content.isEmpty && !calls.isEmpty ? nil : .array(content)
        if let form = note("$content") { list = form == .bool(false) ? nil : form }
        let message = JSONValue.object([
            "role": .string("assistant"), "content": list, "tool_plan": plan,
            "tool_calls": calls.isEmpty ? nil : .array(calls),
            "citations": citations.isEmpty ? nil : .array(citations),
        ]).adding(note("$message")?.object ?? [])
        return JSONValue.object([
            "id": .string(response.start.id ?? identity.call), "message": message,
            "finish_reason": .string(response.finish.cohereWord),
            "usage": response.finish.usage?.cohereValue,
        ]).adding(response.extensions.written(.cohere))
    }

    private static func content(_ part: Part) -> JSONValue? {
        switch part.content {
        case .text(let text), .refusal(let text):
            .object(["type": .string("text"), "text": .string(text)])
        case .thinking(let thinking):
            thinking.isRedacted || thinking.text.isEmpty
                ? nil : .object(["type": .string("thinking"), "thinking": .string(thinking.text)])
        case .native(.cohere, _, let value): value
        case .image, .audio, .video, .document, .toolCall, .toolResult, .native: nil
        }
    }

    private static func value(_ call: ToolCall) -> JSONValue {
        .object([
            "id": .string(call.id), "type": .string("function"),
            "function": .object(["name": .string(call.name), "arguments": .string(call.arguments)]),
        ])
    }
}
