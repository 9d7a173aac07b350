/// Field names in both spellings that Google's JSON takes: `systemInstruction` and `system_instruction` (Protocol
/// Buffers, ProtoJSON: parsers accept the lowerCamelCase name and the original field name).
///
/// Decoders see lowerCamelCase only. What was written otherwise is noted in a tree of the same shape as the body, so
/// that a round trip spells as the caller did; targets take both, so a note that has become stale does no harm.
enum GeminiSpelling {
    /// The body with known names in lowerCamelCase, and the note of what was changed; `nil` when nothing was.
    static func normalize(_ body: JSONValue) -> (body: JSONValue, note: JSONValue?) {
        read(body) ?? (body, nil)
    }

    /// The body as its caller spelled it.
    static func restore(_ body: JSONValue, _ note: JSONValue?) -> JSONValue {
        guard let note else { return body }
        switch (body, note) {
        case (.object(let members), .object(let entries)):
            let spelled = Dictionary(entries.map { ($0.key, $0.value) }) { first, _ in first }
            return .object(
                members.map { member in
                    guard let entry = spelled[member.key] else { return member }
                    return JSONValue.Member(entry[0]?.string ?? member.key, restore(member.value, entry[1]))
                })
        case (.array(let elements), .array(let notes)):
            return .array(
                elements.enumerated().map { index, element in
                    restore(element, notes.indices.contains(index) ? notes[index] : nil)
                })
        default: return body
        }
    }

    /// `nil` when nothing in `value` changes: then nothing is copied.
    private static func read(_ value: JSONValue) -> (body: JSONValue, note: JSONValue?)? {
        switch value {
        case .object(let members): object(members)
        case .array(let elements): array(elements)
        default: nil
        }
    }

    private static func object(_ members: [JSONValue.Member]) -> (body: JSONValue, note: JSONValue?)? {
        var changed = members
        var entries: [JSONValue.Member] = []
        for index in members.indices {
            let member = members[index]
            var name = member.key
            if let camel = camelNames[name], !members.contains(where: { $0.key == camel }) { name = camel }
            let inner = data.contains(name) ? nil : read(member.value)
            guard name != member.key || inner != nil else { continue }
            changed[index] = JSONValue.Member(name, inner?.body ?? member.value)
            let spelled: JSONValue = name == member.key ? .null : .string(member.key)
            entries.append(JSONValue.Member(name, .array([spelled, inner?.note ?? .null])))
        }
        return entries.isEmpty ? nil : (.object(changed), .object(entries))
    }

    private static func array(_ elements: [JSONValue]) -> (body: JSONValue, note: JSONValue?)? {
        var changed: [JSONValue]?
        var notes: [JSONValue] = []
        for (index, element) in elements.enumerated() {
            guard let inner = read(element) else { continue }
            changed = changed ?? elements
            changed?[index] = inner.body
            notes += Array(repeating: .null, count: index - notes.count)
            notes.append(inner.note ?? .null)
        }
        return changed.map { (.array($0), .array(notes)) }
    }

    /// Members whose value is the caller's data or a schema: names in it are not fields.
    private static let data: Set<String> = [
        "args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels",
        "partialArgs", "customMetadata",
    ]

    /// lowerCamelCase names by the original field names.
    private static let camelNames: [String: String] = Dictionary(
        uniqueKeysWithValues: [
            "systemInstruction", "generationConfig", "toolConfig", "safetySettings", "cachedContent", "serviceTier",
            "inlineData", "fileData", "functionCall", "functionResponse", "executableCode", "codeExecutionResult",
            "thoughtSignature", "videoMetadata", "mediaResolution", "partMetadata", "toolCall", "toolResponse",
            "mimeType", "fileUri", "displayName", "functionDeclarations", "parametersJsonSchema",
            "responseJsonSchema", "googleSearch", "googleSearchRetrieval", "codeExecution", "urlContext",
            "computerUse", "fileSearch", "googleMaps", "enterpriseWebSearch", "functionCallingConfig",
            "allowedFunctionNames", "retrievalConfig", "streamFunctionCallArguments",
            "includeServerSideToolInvocations", "stopSequences", "candidateCount", "maxOutputTokens", "topP", "topK",
            "presencePenalty", "frequencyPenalty", "responseLogprobs", "responseMimeType", "responseSchema",
            "responseModalities", "speechConfig", "thinkingConfig", "thinkingBudget", "thinkingLevel",
            "includeThoughts", "imageConfig", "audioTimestamp", "willContinue", "partialArgs",
            "generateContentRequest", "outputDimensionality", "taskType", "startOffset", "endOffset",
        ].map { (snake($0), $0) })

    private static func snake(_ camel: String) -> String {
        var name = ""
        for character in camel {
            if character.isUppercase { name += "_" }
            name += character.lowercased()
        }
        return name
    }
}
