/// Reads and writes whole answers of `generateContent`.
package enum GeminiResponseCodec {
    private enum Note {
        /// The content's members besides its parts; `null` when the content was absent or null.
        static let content = "$content"
        /// `parts` was absent.
        static let noParts = "$noParts"
        /// The candidates behind the first.
        static let candidates = "$candidates"
        /// The usage came without counts.
        static let usage = "$usage"
    }

    // MARK: Reading

    /// - Throws: `Failure` of the error inside it; `.empty` when it says nothing; `.protocol` when it is no answer.
    package static func decode(_ body: JSONValue) throws(Failure) -> CanonicalResponse {
        if let failure = GeminiFailure.inside(body) { throw failure }
        guard body.object != nil else { throw Failure(.protocol, detail: "the answer is no object") }
        let usage = GeminiUsage.decode(body["usageMetadata"])
        let candidates = body["candidates"]?.array ?? []
        guard let candidate = first(candidates) else { return try withoutCandidate(body, usage) }

        var reader = GeminiPartReader(answer: body["responseId"]?.string)
        var parts = (candidate["content"]?["parts"]?.array ?? []).map { part($0, &reader) }
        let reason = candidate["finishReason"].flatMap { $0.isNull ? nil : $0 }
        let hasCalls = parts.contains { $0.toolCall != nil }
        let end = GeminiFinish.decode(reason ?? .string("STOP"), hasCalls: hasCalls)
        let isSilent = parts.allSatisfy { $0.text?.isEmpty == true && $0.signature == nil }
        guard !isSilent || (reason != nil && end != .stop) else {
            throw Failure(.empty, detail: "a candidate that says nothing")
        }
        GeminiGrounding.attach(candidate, to: &parts)

        var finish = Finish(end, usage: usage)
        finish.extensions[.gemini, GeminiFinish.Note.reason] = reason
        finish.extensions[.gemini, GeminiFinish.Note.candidate] = .object(
            candidate.members(except: ["content", "finishReason"]))
        finish.extensions[.gemini, GeminiFinish.Note.top] = top(body)
        var response = CanonicalResponse(start: start(body), parts: parts, finish: finish)
        note(candidate["content"], candidates, body, usage, in: &response)
        return response
    }

    /// A part of an answer; one that is not what it should be stays as it is.
    static func part(_ value: JSONValue, _ reader: inout GeminiPartReader) -> Part {
        do {
            return try reader.part(value, path: "parts")
        } catch {
            return Part(.native(.gemini, type: "part", value))
        }
    }

    static func start(_ body: JSONValue) -> AnswerStart {
        AnswerStart(
            id: body["responseId"]?.string, model: body["modelVersion"]?.string,
            created: body["createTime"]?.string.flatMap(GeminiTime.seconds))
    }

    /// The candidate with index 0; without an index the first.
    static func first(_ candidates: [JSONValue]) -> JSONValue? {
        candidates.first { ($0["index"]?.int ?? 0) == 0 } ?? candidates.first
    }

    static func top(_ body: JSONValue) -> JSONValue {
        .object(body.members(except: ["candidates", "usageMetadata"]))
    }

    /// The prompt was blocked, or there is nothing.
    private static func withoutCandidate(_ body: JSONValue, _ usage: Usage?) throws(Failure) -> CanonicalResponse {
        guard let reason = body["promptFeedback"]?["blockReason"], !reason.isNull else {
            throw Failure(.empty, detail: "an answer without candidates")
        }
        var finish = GeminiFinish.blocked(reason, usage: usage)
        finish.extensions[.gemini, GeminiFinish.Note.top] = top(body)
        var response = CanonicalResponse(start: start(body), parts: [], finish: finish)
        note(nil, body["candidates"]?.array, body, usage, in: &response)
        return response
    }

    private static func note(
        _ content: JSONValue?, _ candidates: [JSONValue]?, _ body: JSONValue, _ usage: Usage?,
        in response: inout CanonicalResponse
    ) {
        let members = content?.object.map { _ in JSONValue.object(content?.members(except: ["parts"]) ?? []) }
        response.extensions[.gemini, Note.content] = members ?? content
        if content?["parts"] == nil { response.extensions[.gemini, Note.noParts] = .bool(true) }
        let others = candidates.map { list in
            guard let first = first(list), let index = list.firstIndex(of: first) else { return list }
            return list.enumerated().filter { $0.offset != index }.map(\.element)
        }
        if let others, !others.isEmpty || body["candidates"]?.array?.isEmpty == true {
            response.extensions[.gemini, Note.candidates] = .array(others)
        }
        if usage == nil { response.extensions[.gemini, Note.usage] = body["usageMetadata"] }
    }

    // MARK: Writing

    package static func encode(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue {
        let finish = response.finish
        var members: [JSONValue.Member] = []
        let others = response.extensions[.gemini, Note.candidates]?.array
        if finish.extensions[.gemini, GeminiFinish.Note.blocked] == nil {
            let first = candidate(response)
            members.append(JSONValue.Member("candidates", .array([first] + (others ?? []))))
        } else if let others {
            members.append(JSONValue.Member("candidates", .array(others)))
        }
        if let usage = finish.usage.map(GeminiUsage.encode) ?? response.extensions[.gemini, Note.usage] {
            members.append(JSONValue.Member("usageMetadata", usage))
        }
        if let top = finish.extensions[.gemini, GeminiFinish.Note.top]?.object { return .object(members + top) }
        members.append(JSONValue.Member("modelVersion", .string(identity.model)))
        members.append(JSONValue.Member("responseId", .string(identity.call)))
        return .object(members)
    }

    private static func candidate(_ response: CanonicalResponse) -> JSONValue {
        let finish = response.finish
        let own = finish.extensions[.gemini, GeminiFinish.Note.candidate]?.object
        let (parts, isBroken) = written(response.parts)
        var members: [JSONValue.Member] = []
        if let content = content(parts, response, isOwn: own != nil) {
            members.append(JSONValue.Member("content", content))
        }
        if own == nil || finish.extensions[.gemini, GeminiFinish.Note.reason] != nil {
            let isMalformed = isBroken && (finish.reason == .toolCalls || finish.reason == .stop)
            let reason =
                isMalformed ? .string(GeminiFinish.word(.malformedCall)) : GeminiFinish.encode(finish)
            members.append(JSONValue.Member("finishReason", reason))
        }
        if let own { return .object(members + own) }
        members.append(JSONValue.Member("index", .int(0)))
        if let grounding = GeminiGrounding.metadata(response.parts.flatMap(\.citations)) {
            members.append(JSONValue.Member("groundingMetadata", grounding))
        }
        return .object(members)
    }

    /// The parts, and whether a call was left out because its arguments are no JSON object: Gemini gives such calls to
    /// nobody and says `MALFORMED_FUNCTION_CALL`.
    private static func written(_ parts: [Part]) -> (parts: [JSONValue], isBroken: Bool) {
        var isBroken = false
        let written = parts.compactMap { part -> JSONValue? in
            if let call = part.toolCall, !call.isCustom, !call.arguments.isEmpty,
                GeminiPartWriter.object(call.arguments) == nil
            {
                isBroken = true
                return nil
            }
            return GeminiPartWriter.answer(part)
        }
        return (written, isBroken)
    }

    private static func content(_ parts: [JSONValue], _ response: CanonicalResponse, isOwn: Bool) -> JSONValue? {
        guard isOwn else { return .object(["parts": .array(parts), "role": .string("model")]) }
        let hasParts = !parts.isEmpty || response.extensions[.gemini, Note.noParts] == nil
        let list = hasParts ? [JSONValue.Member("parts", .array(parts))] : []
        switch response.extensions[.gemini, Note.content] {
        case .object(let members)?: return .object(list + members)
        case .null? where parts.isEmpty: return .null
        case nil where parts.isEmpty: return nil
        default: return .object(list + [JSONValue.Member("role", .string("model"))])
        }
    }
}
