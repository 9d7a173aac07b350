/// Reads one message of Cohere's chat API.
///
/// The plan that a model makes before it calls functions (`tool_plan`) is its thinking: models that think in parts
/// write the very same sentences there.
enum CohereMessageDecoder {
    static func message(_ value: JSONValue, at path: String) throws(GatehouseError) -> Message {
        var fields = try JSONFields(value, path: path)
        let content: Content
        var message: Message
        switch try fields.requiredString("role") {
        case "system":
            content = try Self.content(&fields)
            message = Message(role: .system, parts: content.parts)
        case "user":
            content = try Self.content(&fields)
            message = Message(role: .user, parts: content.parts)
        case "assistant":
            content = try Self.content(&fields)
            message = Message(role: .assistant, parts: content.parts)
            try addCitations(&fields, to: &message)
            try addPlan(&fields, to: &message)
            try addCalls(&fields, to: &message)
        case "tool":
            let id = try fields.requiredString("tool_call_id")
            content = try Self.content(&fields)
            message = Message(role: .tool, parts: [Part(.toolResult(ToolResult(callID: id, content: content.parts)))])
        default: throw fields.invalid("role", "must be system, user, assistant or tool")
        }
        let hasPlan = message.extensions[.cohere, "$tool_plan"]
        message.extensions = Extensions(rest: fields.rest, of: .cohere)
        message.extensions[.cohere, "$tool_plan"] = hasPlan
        message.extensions[.cohere, "$content"] = content.form.map { .string($0) }
        return message
    }

    private struct Content {
        var parts: [Part] = []
        /// `text` for a string, `parts` for a list.
        var form: String?
    }

    private static func content(_ fields: inout JSONFields) throws(GatehouseError) -> Content {
        guard let value = fields.value("content") else { return Content() }
        if let text = value.string { return Content(parts: [.text(text)], form: "text") }
        guard let elements = value.array else { throw fields.invalid("content", "must be a string or an array") }
        var content = Content(form: "parts")
        for (index, element) in elements.enumerated() {
            content.parts.append(try part(element, at: fields.path("content", index)))
        }
        return content
    }

    private static func part(_ element: JSONValue, at path: String) throws(GatehouseError) -> Part {
        var fields = try JSONFields(element, path: path)
        var part: Part
        let type = try fields.requiredString("type")
        switch type {
        case "text": part = .text(try fields.requiredString("text"))
        case "thinking": part = Part(.thinking(Thinking(try fields.requiredString("thinking"))))
        case "image_url": return try image(&fields)
        case "document": part = try document(&fields)
        default: return Part(.native(.cohere, type: type, element))
        }
        for member in Extensions(rest: fields.rest, of: .cohere)[.cohere] {
            part.extensions[.cohere, member.key] = member.value
        }
        return part
    }

    private static func image(_ fields: inout JSONFields) throws(GatehouseError) -> Part {
        guard var image = try fields.object("image_url") else { throw fields.missing("image_url") }
        let url = try image.requiredString("url")
        let media = Media(url: url, detail: try image.string("detail"))
        var part = Part(.image(media))
        part.extensions = Extensions(rest: fields.rest, of: .cohere)
        if media.url != url { part.extensions[.cohere, "$url"] = .string(url) }
        if !image.rest.isEmpty { part.extensions[.cohere, "image_url"] = .object(image.rest) }
        return part
    }

    /// A document's `data` is an object or text; others see it as text.
    private static func document(_ fields: inout JSONFields) throws(GatehouseError) -> Part {
        guard let value = fields.value("document") else { throw fields.missing("document") }
        let document = try JSONFields(value, path: fields.path("document"))
        guard let data = document.peek("data"), !data.isNull else { throw document.missing("data") }
        var part = Part(
            .document(Media(.text(data.string ?? data.text), mediaType: "text/plain", name: value["id"]?.string)))
        part.extensions[.cohere, "$document"] = value
        return part
    }

    private static func addCitations(_ fields: inout JSONFields, to message: inout Message) throws(GatehouseError) {
        guard let place = message.parts.firstIndex(where: { $0.text != nil }) else { return }
        for citation in try fields.filledArray("citations") ?? [] {
            message.parts[place].citations.append(Citation(cohere: citation))
        }
    }

    private static func addPlan(_ fields: inout JSONFields, to message: inout Message) throws(GatehouseError) {
        guard fields.peek("tool_plan") != .string(""), let plan = try fields.string("tool_plan") else { return }
        message.parts.append(Part(.thinking(Thinking(plan))))
        message.extensions[.cohere, "$tool_plan"] = .bool(true)
    }

    private static func addCalls(_ fields: inout JSONFields, to message: inout Message) throws(GatehouseError) {
        for (index, element) in (try fields.filledArray("tool_calls") ?? []).enumerated() {
            var call = try JSONFields(element, path: fields.path("tool_calls", index))
            let id = try call.requiredString("id")
            let type = try call.string("type")
            guard type == nil || type == "function" else { throw call.invalid("type", "must be function") }
            guard var function = try call.object("function") else { throw call.missing("function") }
            var part = Part(
                .toolCall(
                    ToolCall(
                        id: id, name: try function.requiredString("name"),
                        arguments: try function.requiredString("arguments"))))
            part.extensions = Extensions(rest: call.rest, of: .cohere)
            if type == nil { part.extensions[.cohere, "$untyped"] = .bool(true) }
            if !function.rest.isEmpty { part.extensions[.cohere, "function"] = .object(function.rest) }
            message.parts.append(part)
        }
    }
}

extension Citation {
    /// Reads a citation as it stands in messages and events alike.
    init(cohere value: JSONValue) {
        let document = value["sources"]?[0]?["document"]
        self.init(
            url: document?["url"]?.string, title: document?["title"]?.string, quote: value["text"]?.string,
            start: value["start"]?.count, end: value["end"]?.count)
        extensions = Extensions(.cohere, value.object ?? [])
    }

    /// The citation as Cohere writes it: its own as it came, others as far as they go.
    var cohereValue: JSONValue {
        let own = extensions[.cohere]
        if !own.isEmpty { return .object(own) }
        let document = JSONValue.object(["title": title.map { .string($0) }, "url": url.map { .string($0) }])
        return .object([
            "start": start.map { .int($0) }, "end": end.map { .int($0) }, "text": .string(quote ?? ""),
            "sources": .array([
                .object(["type": .string("document"), "id": .string(url ?? title ?? "doc:0"), "document": document])
            ]),
            "type": .string("TEXT_CONTENT"),
        ])
    }
}
