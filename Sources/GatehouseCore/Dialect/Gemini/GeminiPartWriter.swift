/// Writes parts of messages and of answers.
struct GeminiPartWriter {
    private typealias Note = GeminiPartReader.Note

    /// What the functions of the conversation's calls are called, by the calls' ids; a later call takes an id over.
    private var calls: [String: String] = [:]

    init() {}

    /// The parts of a message.
    ///
    /// - Parameter isOwn: The message came in this dialect: nothing is left out of it.
    /// - Throws: `unsupported_parameter` for what Gemini cannot read, `invalid_value` for a result without its call.
    mutating func write(
        _ message: Message, at index: Int, isOwn: Bool, _ context: inout GeminiEncoding
    ) throws(GatehouseError) -> [JSONValue] {
        var written: [JSONValue] = []
        var behind: [JSONValue] = []
        context.isOwn = isOwn
        for part in message.parts {
            if part.cache != nil { context.drop("cache_control") }
            context.drop(part.extensions.foreign(to: .gemini))
            switch part.content {
            case .toolCall(let call): calls[call.id] = call.name
            case .native(let dialect, let type, _) where dialect != .gemini: context.drop(type)
            case .toolResult(let result):
                written.append(try self.result(result, part, at: index, &behind, &context))
                continue
            default: break
            }
            guard isOwn || Self.isKept(part) else { continue }
            if let value = try Self.value(part, at: index, &context) { written.append(value) }
        }
        return written + behind
    }

    /// Whether a part of another dialect has anything to say to Gemini. Thinking goes back only to who sealed it, and
    /// an empty text is refused unless it carries a seal.
    private static func isKept(_ part: Part) -> Bool {
        let isSealed = part.signature?.dialect == .gemini
        return switch part.content {
        case .text(let text), .refusal(let text): !text.isEmpty || isSealed
        case .thinking: isSealed
        default: true
        }
    }

    private static func value(
        _ part: Part, at index: Int, _ context: inout GeminiEncoding
    ) throws(GatehouseError) -> JSONValue? {
        switch part.content {
        case .image(let media): try sealed(self.media(media, "image", at: index, &context), part)
        case .audio(let media): try sealed(self.media(media, "audio", at: index, &context), part)
        case .video(let media): try sealed(self.media(media, "video", at: index, &context), part)
        case .document(let media): try sealed(self.media(media, "document", at: index, &context), part)
        case .toolCall(let call):
            sealed(self.call(call, part, name: context.name(call.name), withID: context.takesCallIDs), part)
        default: answer(part)
        }
    }

    // MARK: Answers

    /// A part as an answer has it; `nil` for what Gemini has no words for.
    static func answer(_ part: Part) -> JSONValue? {
        switch part.content {
        case .text(let text), .refusal(let text):
            let isNoText = part.extensions[.gemini, Note.noText] != nil
            return sealed(isNoText ? .object([]) : .object(["text": .string(text)]), part)
        case .thinking(let thinking):
            guard !thinking.isRedacted else { return nil }
            let isNoText = part.extensions[.gemini, Note.noText] != nil
            let text: JSONValue? = isNoText ? nil : .string(thinking.text)
            return sealed(.object(["text": text, "thought": .bool(true)]), part)
        case .toolCall(let call): return sealed(self.call(call, part, name: call.name, withID: true), part)
        case .image(let media), .audio(let media), .video(let media), .document(let media):
            return answer(media).map { sealed($0, part) }
        case .native(.gemini, _, let value): return value
        case .native, .toolResult: return nil
        }
    }

    private static func answer(_ media: Media) -> JSONValue? {
        switch media.source {
        case .base64(let data): inline(data, media.mediaType)
        case .url(let url), .file(let url): file(url, media.mediaType)
        case .text(let text): .object(["text": .string(text)])
        }
    }

    // MARK: Calls

    private static func call(_ call: ToolCall, _ part: Part, name: String, withID: Bool) -> JSONValue {
        let hasID = withID && !call.id.isEmpty && part.extensions[.gemini, Note.noID] == nil
        let arguments = part.extensions[.gemini, Note.noArguments] != nil && call.arguments == "{}"
        return .object([
            "functionCall": .object([
                "id": hasID ? .string(call.id) : nil,
                "name": .string(name),
                "args": arguments ? nil : self.arguments(of: call),
            ])
        ])
    }

    /// A call's arguments as the object that Gemini wants; what is none (free text, JSON that a model broke) goes under
    /// `input`, so that the conversation can go on.
    static func arguments(of call: ToolCall) -> JSONValue {
        if let arguments = object(call.arguments), !call.isCustom { return arguments }
        if call.arguments.isEmpty, !call.isCustom { return .object([]) }
        return .object(["input": .string(call.arguments)])
    }

    /// The text as a JSON object; `nil` when it is anything else.
    static func object(_ text: String) -> JSONValue? {
        guard let value = try? JSONValue(parsing: text.utf8), value.object != nil else { return nil }
        return value
    }

    // MARK: Results

    private func result(
        _ result: ToolResult, _ part: Part, at index: Int, _ behind: inout [JSONValue],
        _ context: inout GeminiEncoding
    ) throws(GatehouseError) -> JSONValue {
        guard let name = result.name ?? calls[result.callID] else {
            throw GatehouseError(
                .invalidValue, "The result in messages[\(index)] answers a call that no message before it makes.",
                param: "messages[\(index)].tool_call_id")
        }
        var media: [JSONValue] = []
        for piece in result.content {
            switch piece.content {
            case .text, .refusal: continue
            case .native(.gemini, _, let value): media.append(value)
            case .native(_, let type, _): context.drop(type)
            default:
                if let value = try Self.value(piece, at: index, &context) { media.append(value) }
            }
        }
        if !context.takesMediaInResults, !context.isOwn {
            behind += media
            media = []
        }
        let hasID = part.extensions[.gemini, Note.noID] == nil && context.takesCallIDs
        let value = JSONValue.object([
            "functionResponse": .object([
                "id": hasID && !result.callID.isEmpty ? .string(result.callID) : nil,
                "name": .string(context.name(name)),
                "response": Self.response(result, part),
                "parts": media.isEmpty ? nil : .array(media),
            ])
        ])
        return Self.sealed(value, part)
    }

    /// The object that a response must be: what is one stays one, other texts are wrapped.
    private static func response(_ result: ToolResult, _ part: Part) -> JSONValue? {
        let text = result.content.texts.joined(separator: "\n")
        switch part.extensions[.gemini, Note.response] {
        case .string(let key)?: return .object([JSONValue.Member(key, .string(text))])
        case .bool? where text.isEmpty: return nil
        default: break
        }
        if let object = object(text), !result.isError || object["error"] != nil { return object }
        return .object([JSONValue.Member(result.isError ? "error" : "result", .string(text))])
    }

    // MARK: Media

    private static func media(
        _ media: Media, _ kind: String, at index: Int, _ context: inout GeminiEncoding
    ) throws(GatehouseError) -> JSONValue {
        if let detail = media.detail, detail != "auto" { context.drop("detail") }
        switch media.source {
        case .text(let text): return .object(["text": .string(text)])
        case .base64(let data):
            guard let type = media.mediaType ?? GeminiMedia.type(ofBase64: data, kind: kind) else {
                throw GatehouseError(
                    .invalidValue, "The \(kind) in messages[\(index)] must say its media type.",
                    param: "messages[\(index)]")
            }
            return inline(data, type)
        case .file(let id):
            guard id.hasPrefix("files/") || id.hasPrefix("https://") || id.hasPrefix("gs://") else {
                throw unreadable(kind, index, "The file in messages[\(index)] is not one that Gemini keeps.")
            }
            let base = id.hasPrefix("files/") ? "https://generativelanguage.googleapis.com/v1beta/" : ""
            return file(base + id, media.mediaType)
        case .url(let url): return try remote(url, media, kind, at: index, &context)
        }
    }

    /// Gemini fetches public and signed `https:` URLs since January 2026, but not for models before 2.5; Vertex has
    /// always done so, and wants the media type.
    private static func remote(
        _ url: String, _ media: Media, _ kind: String, at index: Int, _ context: inout GeminiEncoding
    ) throws(GatehouseError) -> JSONValue {
        if context.isOwn { return file(url, media.mediaType) }
        let isGoogle =
            url.hasPrefix("gs://") || url.hasPrefix("https://generativelanguage.googleapis.com/")
            || GeminiMedia.isYouTube(url)
        let isWeb = url.hasPrefix("https://") || (context.isVertex && url.hasPrefix("http://"))
        guard isGoogle || (isWeb && (context.isVertex || context.model.isAtLeast(2, 5))) else {
            throw unreadable(
                kind, index, "This Gemini model cannot fetch the \(kind) in messages[\(index)]; send its data instead.")
        }
        let fallback = context.isVertex && kind == "image" ? "image/jpeg" : nil
        return file(url, media.mediaType ?? (isGoogle ? nil : GeminiMedia.type(ofURL: url) ?? fallback))
    }

    private static func unreadable(_ kind: String, _ index: Int, _ message: String) -> GatehouseError {
        GatehouseError(.unsupportedParameter, message, param: "messages[\(index)].\(kind)")
    }

    private static func inline(_ data: String, _ type: String?) -> JSONValue {
        .object(["inlineData": .object(["mimeType": type.map { .string($0) }, "data": .string(data)])])
    }

    private static func file(_ uri: String, _ type: String?) -> JSONValue {
        .object(["fileData": .object(["mimeType": type.map { .string($0) }, "fileUri": .string(uri)])])
    }

    // MARK: Leftovers

    /// The value with the part's signature and its members of this dialect.
    private static func sealed(_ value: JSONValue, _ part: Part) -> JSONValue {
        var value = value
        if case .object(let inner)? = part.extensions[.gemini, Note.inner], case .object(var members) = value,
            !members.isEmpty
        {
            members[0].value = members[0].value.adding(inner)
            value = .object(members)
        }
        if let data = part.extensions[.gemini, Note.data], let inline = value["inlineData"] {
            let members = inline.members(except: ["data"]) + [JSONValue.Member("data", data)]
            value = .object([JSONValue.Member("inlineData", .object(members))])
        }
        if let signature = part.signature, signature.dialect == .gemini {
            value = value.adding([JSONValue.Member("thoughtSignature", .string(signature.value))])
        }
        return value.adding(part.extensions.written(.gemini))
    }
}
