/// Whole answers of OpenAI's older text completions.
package enum OpenAICompletionsResponseCodec {
    private static let dialect = Dialect.openAICompletions

    package static func decode(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        let choices = try OpenAIEnvelope.choices(body)
        guard let text = choices.first?["text"]?.string else {
            throw Failure(.protocol, detail: "choice without a text")
        }
        var facts = OpenAIFinish.Facts()
        facts.hasText = !text.isEmpty
        facts.stopSequence = choices.first.flatMap(OpenAIFinish.stopSequence)
        var finish = try OpenAIFinish.finish(choices.first?["finish_reason"]?.string, facts, in: dialect)
        finish.usage = OpenAIUsage.read(body, in: dialect)
        finish.cost = OpenAIUsage.cost(body)
        var response = CanonicalResponse(
            start: OpenAIEnvelope.start(body), parts: text.isEmpty ? [] : [.text(text)], finish: finish)
        OpenAIEnvelope.keep(body, choices, except: ["text", "finish_reason"], in: &response, dialect)
        return response
    }

    /// The text of the answer; thoughts and calls have no place in it.
    package static func encode(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        let isOwn = response.extensions.has(OpenAINote.form, in: dialect)
        let text = JSONValue.string(response.parts.texts.joined())
        let word = OpenAIFinish.word(response.finish, OpenAIFinish.facts(response.parts), in: dialect)
        var choice: [JSONValue.Member] = [.init("text", text)]
        if !isOwn { choice += [.init("index", .int(0)), .init("logprobs", .null)] }
        if !isOwn || response.finish.extensions[dialect, OpenAIFinish.note] != nil {
            choice.append(.init("finish_reason", .string(word)))
        }
        return OpenAIEnvelope.body(
            response, choice, object: "text_completion", id: "cmpl-\(identity.call)", identity, dialect)
    }
}
