import GatehouseCore
import Testing

/// What must hold of every recorded request when it is written for another vendor.
@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct RequestCorpusTests {
    /// Where a dialect has the conversation, and a target that speaks it.
    private static let targets: [(dialect: Dialect, conversation: String, traits: TargetTraits)] = [
        (.openAIChat, "messages", TargetTraits(kind: "openai-compatible", model: "m")),
        (.openAIResponses, "input", TargetTraits(kind: "openai", model: "gpt-5.1")),
        (.anthropic, "messages", TargetTraits(kind: "anthropic", model: "claude-sonnet-4-5")),
        (.gemini, "contents", TargetTraits(kind: "gemini", model: "gemini-3-pro-preview")),
        (.bedrock, "messages", TargetTraits(kind: "bedrock", model: "us.anthropic.claude-sonnet-4-5-20250929-v1:0")),
        (.cohere, "messages", TargetTraits(kind: "cohere", model: "command-a-03-2025")),
        (.ollama, "messages", TargetTraits(kind: "ollama", model: "qwen3")),
    ]

    /// The request that was recorded, or why there is none.
    private func withRequest(
        _ wire: Dialect, _ recording: Recording, _ law: (CanonicalRequest) -> Verdict
    ) -> Verdict {
        guard let body = recording.request else { return .notUsable("no request with a JSON body was kept") }
        guard let request = try? wire.codec.decodeRequest(body) else {
            return .notUsable("the request is wrong on purpose")
        }
        return law(request)
    }

    @Test(arguments: CallerRule.callers)
    func anotherTurnLeavesWhatWasBeforeAsItWas(caller: Dialect) {
        let recordings = Recording.all(caller.rawValue)
        for target in Self.targets where target.dialect != caller {
            Conformance.check(.prefix, caller.rawValue, caller: target.dialect, over: recordings) { recording in
                withRequest(caller, recording) { request in
                    var longer = request
                    if request.messages.last?.role != .assistant {
                        longer.messages.append(Message(role: .assistant, parts: [.text("Well.")]))
                    }
                    longer.messages.append(Message(role: .user, parts: [.text("Go on.")]))
                    do throws(GatehouseError) {
                        let before = try target.dialect.codec.encodeRequest(request, for: target.traits).body
                        let after = try target.dialect.codec.encodeRequest(longer, for: target.traits).body
                        if Self.thinksLater(before, after) {
                            return .notUsable(
                                "calls without the model's own thoughts are open: until the next turn Claude may not think"
                            )
                        }
                        return Verdict(Self.difference(before, after, conversation: target.conversation))
                    } catch {
                        return .notUsable("refused for \(target.dialect.rawValue): \(error.code.rawValue)")
                    }
                }
            }
        }
    }

    private static func difference(_ before: JSONValue, _ after: JSONValue, conversation: String) -> String? {
        let rest = [before, after].map { JSONValue.object($0.members(except: [conversation])).text }
        if rest[0] != rest[1] { return "\(rest[0].suffix(200)) became \(rest[1].suffix(200))" }
        let turns = [before, after].map { ($0[conversation]?.array ?? []).map(\.text) }
        for (index, (old, new)) in zip(turns[0], turns[1]).enumerated() where old != new {
            // The last turn may go on in the new one, where both are of one side.
            let goesOn = index == turns[0].count - 1 && old.hasSuffix("]}") && new.hasPrefix(old.dropLast(2))
            if !goesOn { return "\(old.prefix(200)) became \(new.prefix(200))" }
        }
        return after[conversation]?.text.count ?? 0 > before[conversation]?.text.count ?? 0 ? nil : "no new turn"
    }

    /// Claude's rule: with thinking on, the calls that are open must stand behind thoughts of the model's own.
    private static func thinksLater(_ before: JSONValue, _ after: JSONValue) -> Bool {
        func thinks(_ body: JSONValue) -> Bool {
            body["thinking"] != nil || body["additionalModelRequestFields"]?["thinking"] != nil
        }
        return !thinks(before) && thinks(after)
    }

    @Test(arguments: CallerRule.callers)
    func everySchemaIsOneThatGeminiKnows(caller: Dialect) {
        let recordings = Recording.all(caller.rawValue).filter { recording in
            recording.request.flatMap { try? caller.codec.decodeRequest($0) }.map { !Self.schemas($0).isEmpty } ?? false
        }
        Conformance.check(.schemas, caller.rawValue, over: recordings) { recording in
            withRequest(caller, recording) { request in
                Verdict(Self.schemas(request).lazy.compactMap { Self.fault(GeminiSchema.openAPI($0)) }.first)
            }
        }
    }

    private static func schemas(_ request: CanonicalRequest) -> [JSONValue] {
        request.tools.compactMap { tool in
            if case .function(let parameters?) = tool.kind { parameters } else { nil }
        }
    }

    private static let types: Set = ["STRING", "NUMBER", "INTEGER", "BOOLEAN", "ARRAY", "OBJECT", "NULL"]
    private static let members: Set = [
        "type", "format", "title", "description", "nullable", "enum", "maxItems", "minItems", "properties", "required",
        "minProperties", "maxProperties", "minLength", "maxLength", "pattern", "example", "anyOf", "propertyOrdering",
        "default", "items", "minimum", "maximum",
    ]

    /// What Gemini would refuse in a schema; the converter bounds its depth.
    private static func fault(_ schema: JSONValue) -> String? {
        guard let object = schema.object else { return "no object: \(schema.text)" }
        if let unknown = object.first(where: { !members.contains($0.key) }) { return "has \(unknown.key)" }
        if let type = schema["type"], !types.contains(type.string ?? "") { return "type \(type.text)" }
        if schema["enum"]?.array?.contains(where: { $0.string == nil }) == true { return "enum \(schema.text)" }
        let properties = schema["properties"]?.object ?? []
        let names = Set(properties.map(\.key))
        if let missing = schema["required"]?.array?.first(where: { !names.contains($0.string ?? "") }) {
            return "requires \(missing.text)"
        }
        if schema["type"]?.string == "ARRAY", schema["items"] == nil { return "an array of nothing" }
        let inner = properties.map(\.value) + (schema["anyOf"]?.array ?? []) + (schema["items"].map { [$0] } ?? [])
        return inner.lazy.compactMap(fault).first
    }
}
