/// Reads the parts of a message of the native API.
enum NativePartReader {
    /// Results hold parts, and no results.
    static func parts(_ elements: [JSONValue], _ path: String, inResult: Bool = false) throws(GatehouseError) -> [Part]
    {
        var parts: [Part] = []
        for (index, element) in elements.enumerated() {
            parts.append(try part(element, "\(path)[\(index)]", inResult: inResult))
        }
        return parts
    }

    private static func part(_ value: JSONValue, _ path: String, inResult: Bool) throws(GatehouseError) -> Part {
        var fields = try JSONFields(value, path: path)
        let part: Part
        switch try fields.requiredString("type") {
        case "text": part = .text(try fields.requiredString("text"))
        case "image": part = Part(.image(try media(&fields)))
        case "audio": part = Part(.audio(try media(&fields)))
        case "video": part = Part(.video(try media(&fields)))
        case "document": part = Part(.document(try media(&fields)))
        case "file": part = Part(.document(Media(.file(try fields.requiredString("id")))))
        case "tool_call" where !inResult: part = try call(&fields)
        case "tool_result" where !inResult: part = try result(&fields)
        default:
            throw fields.invalid(
                "type", "must be text, image, audio, video, document, file, tool_call or tool_result")
        }
        try NativeRequestDecoder.refuseRest(fields)
        return part
    }

    /// A URL, which may hold the data itself.
    private static func media(_ fields: inout JSONFields) throws(GatehouseError) -> Media {
        Media(url: try fields.requiredString("url"), name: try fields.string("name"))
    }

    private static func call(_ fields: inout JSONFields) throws(GatehouseError) -> Part {
        Part(
            .toolCall(
                ToolCall(
                    id: try fields.requiredString("id"), name: try fields.requiredString("name"),
                    arguments: try fields.requiredString("arguments"), isCustom: try fields.bool("custom") ?? false)))
    }

    private static func result(_ fields: inout JSONFields) throws(GatehouseError) -> Part {
        let path = fields.path("content")
        let content = try fields.array("content") ?? []
        return Part(
            .toolResult(
                ToolResult(
                    callID: try fields.requiredString("id"), name: try fields.string("name"),
                    content: try parts(content, path, inResult: true), isError: try fields.bool("error") ?? false)))
    }
}
