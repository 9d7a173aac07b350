import GatehouseCore
import NIOCore
import Testing

/// Every recorded answer, written in each caller's dialect and read again, says the same: whole and streamed.
@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct CrossDialectTests {
    private static let wires: [Dialect] = [
        .openAIChat, .openAIResponses, .anthropic, .gemini, .cohere, .ollama,
    ]
    private static let callers: [Dialect] = [.openAIChat, .openAIResponses, .anthropic, .gemini]

    @Test(arguments: wires)
    func answersSayTheSameInEveryDialect(wire: Dialect) {
        let answers = Recording.all(wire.rawValue).compactMap { recording in
            answer(recording, wire.codec).map { (recording.id, $0) }
        }
        #expect(!answers.isEmpty)
        for caller in Self.callers where caller != wire {
            var failures: [String] = []
            for (id, answer) in answers where Self.isExpressible(answer, caller) {
                if let problem = Laws.crossing(comparable(answer, caller), caller.codec) {
                    failures.append("\(id): \(problem)")
                }
            }
            let share = Double(failures.count) / Double(answers.count)
            #expect(
                share <= 0.01,
                "\(wire) to \(caller): \(failures.count) of \(answers.count)\n\(failures.joined(separator: "\n"))")
        }
    }

    private func answer(_ recording: Recording, _ codec: any DialectCodec.Type) -> CanonicalResponse? {
        guard recording.status == 200 else { return nil }
        if recording.isStream {
            let (events, failure) = Laws.events(codec, [recording.response])
            return failure == nil ? Laws.answer(events) : nil
        }
        guard let body = try? JSONValue(parsing: recording.response.readableBytesView) else { return nil }
        return try? codec.decodeResponse(body)
    }

    /// What the caller's dialect has words for at all: reasons that it folds into others, and nothing but text, thoughts
    /// and calls.
    private func comparable(_ answer: CanonicalResponse, _ caller: Dialect) -> CanonicalResponse {
        var answer = answer
        answer.finish.reason = folded(answer.finish.reason)
        answer.finish.stopSequence = nil
        // These dialects must tell a usage; where the vendor told none they say zero.
        let mustCount = caller != .openAIChat
        if mustCount, answer.finish.usage == nil { answer.finish.usage = Usage(input: 0, output: 0) }
        let hasRefusals = caller == .openAIChat || caller == .openAIResponses
        for index in answer.parts.indices {
            guard case .refusal(let text) = answer.parts[index].content, !hasRefusals else { continue }
            answer.parts[index].content = .text(text)
        }
        answer.parts = answer.parts.filter { part in
            switch part.content {
            case .text, .thinking, .toolCall, .refusal: true
            default: false
            }
        }
        return answer
    }

    /// What has no form in a caller's dialect, and what no dialect should have to carry: an answer of nothing but a vendor's
    /// own parts, free text for a function where arguments are objects, arguments that were cut.
    private static func isExpressible(_ answer: CanonicalResponse, _ caller: Dialect) -> Bool {
        let says = answer.parts.contains { part in
            switch part.content {
            case .text(let text), .refusal(let text): !text.isEmpty
            case .thinking, .toolCall: true
            default: false
            }
        }
        let takesText = caller == .openAIChat || caller == .openAIResponses
        let calls = answer.parts.compactMap(\.toolCall)
        let areWhole = calls.allSatisfy { call in
            call.isCustom ? takesText : (try? JSONValue(parsing: call.arguments.utf8))?.object != nil
        }
        return says && areWhole
    }

    private func folded(_ reason: FinishReason) -> FinishReason {
        switch reason {
        case .stopSequence, .pause, .malformedCall: .stop
        case .contextLength: .length
        case .refusal, .contentFilter: .contentFilter
        default: reason
        }
    }
}
