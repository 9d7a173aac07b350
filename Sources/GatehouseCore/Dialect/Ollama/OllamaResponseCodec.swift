/// Reads and writes whole answers of Ollama's chat API.
enum OllamaResponseCodec {
    static func decode(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        if let error = body["error"] { throw OllamaFailure.classify(text: error.string ?? "", "error in a 200") }
        guard let message = body["message"], message.object != nil else {
            throw Failure(.protocol, detail: "no message")
        }
        guard body["done"]?.bool == true else { throw Failure(.truncated, detail: "not done") }
        var parts: [Part] = []
        if let thinking = message["thinking"]?.string, !thinking.isEmpty {
            parts.append(Part(.thinking(Thinking(thinking))))
        }
        let content = message["content"]?.string
        if let content, !content.isEmpty { parts.append(.text(content)) }
        let time = body["created_at"]?.string
        let calls = message["tool_calls"]?.array ?? []
        for (index, element) in calls.enumerated() {
            parts.append(try part(element, index, turn: time ?? ""))
        }
        var response = CanonicalResponse(
            start: AnswerStart(model: body["model"]?.string, created: time.flatMap(RFC3339Time.seconds)),
            parts: parts, finish: OllamaAnswer.finish(body, hasCalls: !calls.isEmpty))
        let known = Set(OllamaAnswer.metrics(body).map(\.key))
            .union(["model", "created_at", "message", "done", "done_reason"])
        response.extensions = Extensions(.ollama, body.members(except: known))
        response.extensions[.ollama, "$created_at"] = time.map { .string($0) }
        var rest: Set = ["role"]
        if content != nil { rest.insert("content") }
        if message["thinking"] != .string("") { rest.insert("thinking") }
        if !calls.isEmpty { rest.insert("tool_calls") }
        response.extensions[.ollama, "$message"] = .object(message.members(except: rest))
        if content == nil { response.extensions[.ollama, "$content"] = .bool(false) }
        return response
    }

    private static func part(_ element: JSONValue, _ index: Int, turn: String) throws(Failure) -> Part {
        var part = Part(.toolCall(try OllamaAnswer.call(element, index: index, turn: turn)))
        if element["id"] == nil { part.extensions[.ollama, "$id"] = .bool(false) }
        let rest = (element["function"] ?? .null).members(except: ["name", "arguments"])
        if !rest.isEmpty { part.extensions[.ollama, "$function"] = .object(rest) }
        for member in element.members(except: ["id", "function"]) {
            part.extensions[.ollama, member.key] = member.value
        }
        return part
    }

    static func encode(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        func note(_ key: String) -> JSONValue? { response.extensions[.ollama, key] }
        var texts = ""
        var thinking = ""
        var calls: [JSONValue] = []
        for part in response.parts {
            switch part.content {
            case .text(let text), .refusal(let text): texts += text
            case .thinking(let thought): if !thought.isRedacted { thinking += thought.text }
            case .toolCall(let call): calls.append(value(call, part.extensions, calls.count))
            case .image, .audio, .video, .document, .toolResult, .native: break
            }
        }
        let message = JSONValue.object([
            "role": .string("assistant"), "content": note("$content") == nil ? .string(texts) : nil,
            "thinking": thinking.isEmpty ? nil : .string(thinking),
            "tool_calls": calls.isEmpty ? nil : .array(calls),
        ]).adding(note("$message")?.object ?? [])
        let created = RFC3339Time.text(response.start.created ?? identity.created)
        return JSONValue.object([
            "model": .string(response.start.model ?? identity.model),
            "created_at": note("$created_at") ?? .string(created), "message": message, "done": .bool(true),
            "done_reason": OllamaAnswer.word(response.finish),
        ]).adding(OllamaAnswer.members(response.finish.usage)).adding(response.extensions.written(.ollama))
    }

    private static func value(_ call: ToolCall, _ extensions: Extensions, _ index: Int) -> JSONValue {
        let own = extensions[.ollama, "$function"]?.object
        let function = JSONValue.object(["name": .string(call.name), "arguments": call.argumentsObject])
            .adding(own ?? (extensions[.ollama].isEmpty ? [.init("index", .int(index))] : []))
        let hasID = extensions[.ollama, "$id"] == nil
        return JSONValue.object(["id": hasID ? .string(call.id) : nil, "function": function])
            .adding(extensions.written(.ollama))
    }
}
