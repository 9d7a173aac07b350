import GatehouseCore
import NIOCore
import Testing

@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct OpenAIChatCorpusTests {
    static let chat = Recording.all("openai.chat")
    static let completions = Recording.all("openai.completions")

    /// Recordings whose stream is a failure, and why.
    static let failing: [String: Failure.Kind] = [
        // An error event: the model called a function with wrong arguments.
        "groq--openai-chat--stream--test-tool-use-failed-error--49cf806c": .input,
        // Error events: the limit on tokens was met.
        "openai--openai-chat--stream--genstream-stop--15e6f7ee": .input,
        "openrouter--openai-chat--stream--test-openrouter-error--9dd3c3fd": .input,
    ]

    /// Recordings that are no answers of this wire.
    static let foreign: Set<String> = [
        // A report on usage from the administration API.
        "openai--openai-completions--json--usage-completions--04ff547d"
    ]

    /// Requests that change on the way, and why: the recorder put words for the ids of calls that Mistral itself refuses.
    static let redacted: Set<String> = [
        "mistral--openai-chat--json--blocking-ministral-3b-normalized-sin--489f77c9",
        "mistral--openai-chat--stream--ministral-3b-normalized-single-tool--ec032378",
        "mistral--openai-chat--stream--sequential-complex-tool-calls--8920c273",
    ]

    private func codec(_ recording: Recording) -> any DialectCodec.Type {
        recording.wire == "openai.chat" ? OpenAIChatCodec.self : OpenAICompletionsCodec.self
    }

    /// Runs a law over recordings and gives what fails.
    private func failures(_ law: (Recording) -> String?) -> [String] {
        (Self.chat + Self.completions).filter { !Self.foreign.contains($0.id) }
            .compactMap { recording in law(recording).map { "\(recording.id): \($0)" } }
    }

    @Test func thereAreRecordings() {
        #expect(Self.chat.count >= 600 && Self.completions.count >= 15)
    }

    @Test func requestsComeBackAsTheyWere() {
        let failures = failures { Self.redacted.contains($0.id) ? nil : Laws.requestRoundTrip(codec($0), $0) }
        #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
    }

    @Test func answersComeBackAsTheyWere() {
        let failures = failures { Laws.responseRoundTrip(codec($0), $0) }
        #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
    }

    @Test func streamsSayTheSameHoweverTheyAreCut() {
        let failures = failures { recording in
            guard recording.isStream, recording.status == 200 else { return nil }
            return Laws.splits(codec(recording), recording, seed: 7, times: 3)
        }
        #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
    }

    @Test func everyStreamIsAnAnswerOrTheFailureItTells() {
        let failures = failures { recording in
            guard recording.isStream, recording.status == 200 else { return nil }
            let (events, failure) = Laws.events(codec(recording), [recording.response])
            if let expected = Self.failing[recording.id] {
                return failure?.kind == expected ? nil : "gives \(String(describing: failure))"
            }
            if let failure { return "\(failure)" }
            return Laws.answer(events) == nil ? "no answer" : nil
        }
        #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
    }

    @Test func everyStreamEndsOnceAndLast() {
        let failures = failures { recording in
            guard recording.isStream, recording.status == 200 else { return nil }
            let (events, failure) = Laws.events(codec(recording), [recording.response])
            let ends = events.filter { if case .finished = $0 { true } else { false } }.count
            if failure != nil { return ends == 0 ? nil : "ends and fails" }
            guard ends == 1, case .finished = events.last, case .started = events.first else { return "out of order" }
            return nil
        }
        #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
    }

    @Test func whatAStreamToldIsTheSameInOurOwnWords() {
        let failures = failures { recording in
            guard recording.isStream, recording.status == 200, Self.failing[recording.id] == nil else { return nil }
            let (events, _) = Laws.events(codec(recording), [recording.response])
            guard let answer = Laws.answer(events) else { return "no answer" }
            return Laws.crossing(answer, codec(recording))
        }
        #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
    }

    @Test func whatAWholeAnswerSaidIsTheSameInAStream() {
        let failures = failures { recording in
            guard !recording.isStream, recording.status == 200,
                let body = try? JSONValue(parsing: recording.response.readableBytesView),
                let answer = try? codec(recording).decodeResponse(body)
            else { return nil }
            return Laws.crossing(answer, codec(recording))
        }
        #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
    }

    /// A request leaves nothing behind when it goes to a provider that refuses what it does not know.
    @Test func nothingOfTheGatewayGoesOut() {
        let failures = failures { recording in
            guard let body = recording.request, let request = try? codec(recording).decodeRequest(body),
                let encoded = try? codec(recording).encodeRequest(
                    request, for: TargetTraits(kind: "openai", model: "m"))
            else { return nil }
            return encoded.body.text.contains("\"$") && !body.text.contains("\"$") ? "has a note" : nil
        }
        #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
    }

    /// Every recorded error is classified, and nothing of its text is told.
    @Test func errorsAreClassified() {
        var wrong: [String] = []
        for recording in Self.chat + Self.completions where recording.status >= 400 {
            let head = UpstreamHead(status: recording.status, contentType: "application/json")
            let failure = codec(recording).failure(head, body: recording.response)
            let body = try? JSONValue(parsing: recording.response.readableBytesView)
            let message = body?["error"]?["message"]?.string ?? body?["message"]?.string
            if let message, failure.detail.contains(message) || failure.hint?.contains(message) == true {
                wrong.append("\(recording.id): tells the message")
            }
            let expected: Set<Failure.Kind> =
                switch recording.status {
                case 401, 403: [.auth]
                case 402: [.quota]
                case 404: [.modelUnknown]
                case 429: [.rate]
                case 400, 422: [.input, .modelUnknown, .contextLength]
                default: [.upstream]
                }
            if !expected.contains(failure.kind) { wrong.append("\(recording.id): \(failure.kind)") }
        }
        #expect(wrong.isEmpty, "\(wrong.joined(separator: "\n"))")
    }
}
