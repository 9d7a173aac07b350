/// Whole answers in OpenAI's chat format.
///
/// A canonical answer has one choice. Further ones, and whatever a provider adds, stay in the extensions and are written
/// back within this dialect.
package enum OpenAIChatResponseCodec {
    static let dialect = Dialect.openAIChat

    // MARK: Reading

    package static func decode(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        let choices = try OpenAIEnvelope.choices(body)
        guard let choice = choices.first, let value = choice["message"] ?? choice["delta"] else {
            throw Failure(.protocol, detail: "choice without a message")
        }
        var decoder = OpenAIChatMessageDecoder(isLenient: true)
        var message: Message
        do throws(GatehouseError) {
            message = try decoder.message(value, "message")
        } catch {
            throw Failure(.protocol, detail: "odd \(error.param ?? "message")")
        }
        nameCalls(&message.parts, answer: body["id"]?.string ?? "")
        var facts = OpenAIFinish.facts(message.parts)
        facts.stopSequence = OpenAIFinish.stopSequence(choice)
        var finish = try OpenAIFinish.finish(choice["finish_reason"]?.string, facts, in: dialect)
        finish.usage = OpenAIUsage.read(body, in: dialect)
        finish.cost = OpenAIUsage.cost(body)
        var response = CanonicalResponse(
            start: OpenAIEnvelope.start(body), parts: message.parts, finish: finish)
        OpenAIEnvelope.keep(body, choices, except: ["message", "finish_reason"], in: &response, dialect)
        response.extensions[dialect, note] = .object(message.extensions[dialect])
        if let name = message.name {
            response.extensions[dialect, note] = .object(message.extensions[dialect] + [.init("name", .string(name))])
        }
        return response
    }

    /// Notes on the message.
    private static let note = "$message"

    /// Some providers give calls no ids: they get one that is made from the answer's.
    private static func nameCalls(_ parts: inout [Part], answer: String) {
        var index = 0
        for place in parts.indices {
            guard case .toolCall(var call) = parts[place].content else { continue }
            if call.id.isEmpty {
                call.id = OpenAIToolCalls.id(answer: answer, index: index)
                parts[place].content = .toolCall(call)
                parts[place].extensions[dialect, OpenAINote.madeID] = .bool(true)
            }
            index += 1
        }
    }

    // MARK: Writing

    package static func encode(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        let isOwn = response.extensions.has(OpenAINote.form, in: dialect)
        var message = Message(role: .assistant, parts: response.parts)
        message.extensions[dialect] = response.extensions[dialect, note]?.object ?? []
        var writer = OpenAIAssistantWriter()
        var members = writer.members(message) ?? []
        if !isOwn, !members.contains(where: { $0.key == "refusal" }) {
            members.insert(.init("refusal", .null), at: min(2, members.count))
        }
        let word = OpenAIFinish.word(response.finish, OpenAIFinish.facts(response.parts), in: dialect)
        var choice: [JSONValue.Member] = [.init("message", .object(members))]
        if isOwn {
            if response.finish.extensions[dialect, OpenAIFinish.note] != nil {
                choice.append(.init("finish_reason", .string(word)))
            }
        } else {
            choice = [.init("index", .int(0))] + choice
            choice += [.init("logprobs", .null), .init("finish_reason", .string(word))]
        }
        return OpenAIEnvelope.body(
            response, choice, object: "chat.completion", id: "chatcmpl-\(identity.call)", identity, dialect)
    }
}

/// What chat and text completions have in common around their choices.
enum OpenAIEnvelope {
    private static let choiceNote = "$choice"
    private static let othersNote = "$choices"

    // MARK: Reading

    /// The choices of an answer, at least one.
    static func choices(_ body: JSONValue) throws(Failure) -> [JSONValue] {
        guard body.object != nil else { throw Failure(.protocol, detail: "response is not a JSON object") }
        if OpenAIFailure.isError(body) {
            let bytes = Array(body.text.utf8)
            throw OpenAIFailure.classify(errorObject: bytes.span, in: bytes.span)
        }
        guard let choices = body["choices"]?.array, !choices.isEmpty else {
            throw Failure(.empty, detail: "no choices")
        }
        return choices
    }

    static func start(_ body: JSONValue) -> AnswerStart {
        func text(_ key: String) -> String? { body[key]?.string.flatMap { $0.isEmpty ? nil : $0 } }
        return AnswerStart(id: text("id"), model: text("model"), created: body["created"]?.count)
    }

    /// Keeps what the canonical answer has no words for.
    static func keep(
        _ body: JSONValue, _ choices: [JSONValue], except known: Set<String>, in response: inout CanonicalResponse,
        _ dialect: Dialect
    ) {
        var read: Set<String> = ["choices"]
        if response.start.id != nil { read.insert("id") }
        if response.start.model != nil { read.insert("model") }
        if response.start.created != nil { read.insert("created") }
        if body["usage"]?.object != nil { read.insert("usage") }
        var left: Set<String> = known
        if choices.first?["finish_reason"]?.string == nil { left.remove("finish_reason") }
        response.extensions.keep(body.members(except: read), in: dialect)
        response.extensions[dialect, OpenAINote.form] = .bool(true)
        response.extensions[dialect, choiceNote] = .object(choices.first?.members(except: left) ?? [])
        if choices.count > 1 { response.extensions[dialect, othersNote] = .array(Array(choices.dropFirst())) }
    }

    // MARK: Writing

    /// The whole answer around its first choice: as it came within one dialect, else as this gateway's own.
    static func body(
        _ response: CanonicalResponse, _ choice: [JSONValue.Member], object: String, id: String,
        _ identity: AnswerIdentity, _ dialect: Dialect
    ) -> JSONValue {
        let extensions = response.extensions
        let usage = response.finish.usage.map { OpenAIUsage.value($0, in: dialect) }
        guard extensions.has(OpenAINote.form, in: dialect) else {
            return .object([
                "id": .string(id), "object": .string(object), "created": .int(identity.created),
                "model": .string(identity.model), "choices": .array([.object(choice)]), "usage": usage,
            ])
        }
        let first = JSONValue.object(choice).adding(extensions[dialect, choiceNote]?.object ?? [])
        let others = extensions[dialect, othersNote]?.array ?? []
        let start = response.start
        let members = JSONValue.object([
            "id": start.id.map { .string($0) }, "created": start.created.map { .int($0) },
            "model": start.model.map { .string($0) }, "choices": .array([first] + others),
        ])
        // Groq's own place for the usage is among the rest.
        let isTold = extensions[dialect, "x_groq"]?["usage"] != nil
        return members.adding(extensions.restored(dialect))
            .adding(isTold ? [] : usage.map { [.init("usage", $0)] } ?? [])
    }
}
