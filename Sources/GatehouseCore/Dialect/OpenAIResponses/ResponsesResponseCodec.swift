/// Reads and writes whole answers.
package enum ResponsesResponseCodec {
    /// Reads a target's answer.
    ///
    /// Some backends leave `status` at `in_progress` on an answer that is whole; so one that holds output counts.
    /// Without output it is work that goes on in the background: no answer to pass on.
    package static func decode(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        guard body.object != nil else { throw Failure(.protocol, detail: "answer is not an object") }
        if let error = body["error"], !error.isNull { throw ResponsesFailure.classify(error: error) }
        let status = body["status"]?.string ?? "completed"
        if status == "failed" || status == "cancelled" { throw Failure(.upstream, detail: "status \(status)") }
        guard let output = body["output"]?.array else { throw Failure(.protocol, detail: "answer without output") }
        if output.isEmpty, status == "completed" { throw Failure(.empty, detail: "answer with empty output") }
        if output.isEmpty, status != "incomplete" { throw Failure(.protocol, detail: "answer is not finished") }
        let parts = ResponsesItemReader.parts(ofOutput: output)
        let finish = ResponsesFinish.read(body, parts: .init(parts))
        var response = CanonicalResponse(start: start(body), parts: parts, finish: finish)
        response.extensions.noteResponses(
            ResponsesNote.members,
            .object(body.object?.map { $0.key == "output" ? .init("output", .null) : $0 } ?? []))
        return response
    }

    /// What a response object says at its beginning.
    static func start(_ response: JSONValue) -> AnswerStart {
        AnswerStart(
            id: response["id"]?.string, model: response["model"]?.string,
            created: response["created_at"]?.double.flatMap { Int(exactly: $0.rounded(.down)) })
    }

    package static func encode(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        let output = JSONValue.array(ResponsesOutputWriter.items(response, call: identity.call))
        if let members = response.extensions.responsesNote(ResponsesNote.members)?.object {
            return .object(members.map { $0.key == "output" ? .init("output", output) : $0 })
        }
        let hasRefusal = ResponsesFinish.Parts(response.parts).hasRefusal
        let (status, detail) = ResponsesFinish.words(response.finish, hasRefusal: hasRefusal)
        return .object(
            ResponsesEcho.head(identity) + [
                .init("status", .string(status.description)), .init("error", .null),
                .init(
                    "incomplete_details",
                    detail.map { .object([.init("reason", .string($0.description))]) } ?? .null),
                .init("output", output),
                .init("usage", response.finish.usage.map(ResponsesUsage.write) ?? .null),
            ])
    }
}
