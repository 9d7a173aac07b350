package import NIOCore

/// Reads a request in OpenAI's chat or completions format into a canonical one.
package enum OpenAIRequestDecoder {
    /// - Parameters:
    ///   - head: What was read of the body before.
    ///   - model: The model's name as the target knows it.
    /// - Throws: `GatehouseError` that names the field at fault.
    package static func decode(
        _ body: ByteBuffer, head: OpenAIRequestHead, operation: Operation, model: String
    ) throws(GatehouseError) -> CanonicalRequest {
        let document: JSONValue
        do {
            document = try JSONValue(parsing: body.readableBytesView)
        } catch {
            throw GatehouseError(.invalidJSON, "The body cannot be read as JSON.")
        }
        var request = CanonicalRequest(model: model)
        request.stream = head.stream
        request.maxTokens = head.maxTokens
        request.tools = toolNames(document).map { Tool(.function(parameters: nil), name: $0) }
        switch operation {
        case .chatCompletions:
            for (index, message) in (document["messages"]?.array ?? []).enumerated() {
                request.messages.append(try self.message(message, "messages/\(index)"))
            }
        case .completions:
            request.messages = [Message(role: .user, parts: [.text(try prompt(document["prompt"]))])]
        }
        return request
    }

    private static func prompt(_ value: JSONValue?) throws(GatehouseError) -> String {
        if let text = value?.string { return text }
        if let list = value?.array, list.count == 1, let text = list[0].string { return text }
        throw GatehouseError(
            .invalidValue, "The field prompt must be one string for this model; lists and tokens are not supported.",
            param: "prompt")
    }

    private static func toolNames(_ document: JSONValue) -> [String] {
        (document["tools"]?.array ?? []).compactMap { $0["function"]?["name"]?.string ?? $0["type"]?.string }
    }

    private static func message(_ value: JSONValue, _ path: String) throws(GatehouseError) -> Message {
        guard value.object != nil else { throw invalid(path, "must be an object") }
        guard let role = value["role"]?.string else { throw invalid("\(path)/role", "must be a string") }
        var parts = try content(value["content"], "\(path)/content")
        switch role {
        case "system", "developer": return Message(role: .system, parts: parts)
        case "user": return Message(role: .user, parts: parts)
        case "assistant":
            for call in value["tool_calls"]?.array ?? [] {
                parts.append(
                    Part(
                        .toolCall(
                            ToolCall(
                                id: call["id"]?.string ?? "", name: call["function"]?["name"]?.string ?? "",
                                arguments: call["function"]?["arguments"]?.string ?? ""))))
            }
            return Message(role: .assistant, parts: parts)
        case "tool", "function":
            let id = value["tool_call_id"]?.string ?? value["name"]?.string ?? ""
            return Message(role: .tool, parts: [Part(.toolResult(ToolResult(callID: id, content: parts)))])
        default: throw invalid("\(path)/role", "must be system, developer, user, assistant or tool")
        }
    }

    private static func content(_ value: JSONValue?, _ path: String) throws(GatehouseError) -> [Part] {
        guard let value, value != .null else { return [] }
        if let text = value.string { return [.text(text)] }
        guard let list = value.array else { throw invalid(path, "must be a string or an array of parts") }
        var parts: [Part] = []
        for (index, item) in list.enumerated() {
            switch item["type"]?.string {
            case "text", "refusal":
                guard let text = item["text"]?.string ?? item["refusal"]?.string else {
                    throw invalid("\(path)/\(index)/text", "must be a string")
                }
                parts.append(.text(text))
            case "image_url":
                guard let url = item["image_url"]?["url"]?.string ?? item["image_url"]?.string else {
                    throw invalid("\(path)/\(index)/image_url/url", "must be a string")
                }
                parts.append(Part(.image(Media(url: url))))
            case .some(let kind): parts.append(Part(.native(.openAIChat, type: String(kind.prefix(40)), item)))
            case nil: throw invalid("\(path)/\(index)/type", "must be a string")
            }
        }
        return parts
    }

    private static func invalid(_ param: String, _ rule: String) -> GatehouseError {
        GatehouseError(.invalidValue, "The field \(param) \(rule).", param: param)
    }
}
