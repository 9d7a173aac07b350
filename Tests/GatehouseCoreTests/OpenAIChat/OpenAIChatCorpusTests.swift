import GatehouseCore
import NIOCore
import Testing

@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct OpenAIChatCorpusTests {
    static let chat = Recording.all("openai.chat")
    static let completions = Recording.all("openai.completions")

    /// Streams that are an error event, and its class.
    private static let failing: [String: Failure.Kind] = [
        "groq--openai-chat--stream--test-tool-use-failed-error--49cf806c": .input,
        "openai--openai-chat--stream--genstream-stop--15e6f7ee": .input,
        "openrouter--openai-chat--stream--test-openrouter-error--9dd3c3fd": .input,
    ]

    /// Requests that change on the way, and why.
    private static let redacted = Dictionary(
        uniqueKeysWithValues: [
            "mistral--openai-chat--json--blocking-ministral-3b-normalized-sin--489f77c9",
            "mistral--openai-chat--stream--ministral-3b-normalized-single-tool--ec032378",
            "mistral--openai-chat--stream--sequential-complex-tool-calls--8920c273",
        ].map { ($0, "the recorder put words for the ids of calls that Mistral itself refuses") })

    private func codec(_ recording: Recording) -> any DialectCodec.Type {
        recording.wire == "openai.chat" ? OpenAIChatCodec.self : OpenAICompletionsCodec.self
    }

    /// Checks a law over both wires of the family.
    private func check(
        _ law: Law, exceptions: [String: String] = [:], _ select: (Recording) -> Bool = { _ in true },
        _ verdict: (Recording) -> Verdict
    ) {
        Conformance.check(law, "openai.chat", over: Self.chat.filter(select), exceptions: exceptions, verdict)
        Conformance.check(law, "openai.completions", over: Self.completions.filter(select), verdict)
    }

    /// What fails of every recording.
    private func failures(_ law: (Recording) -> String?) -> [String] {
        (Self.chat + Self.completions).compactMap { recording in law(recording).map { "\(recording.id): \($0)" } }
    }

    @Test func thereAreRecordings() {
        #expect(Self.chat.count >= 600 && Self.completions.count >= 15)
    }

    @Test func requestsComeBackAsTheyWere() {
        check(.request, exceptions: Self.redacted) { Laws.requestRoundTrip(codec($0), $0) }
    }

    @Test func answersComeBackAsTheyWere() {
        check(.answer, { !$0.isStream }) { Laws.responseRoundTrip(codec($0), $0) }
    }

    @Test func streamsSayTheSameHoweverTheyAreCut() {
        check(.splits, \.isStream) { Laws.splits(codec($0), $0, seed: 7, times: 3) }
    }

    @Test func everyStreamIsAnAnswer() {
        check(.stream, \.isStream) { Laws.streamIsAnswer(codec($0), $0, tellsUsage: false) }
    }

    @Test func streamsOfErrorsAreFailuresOfTheirClass() {
        for recording in Self.chat {
            guard let kind = Self.failing[recording.id] else { continue }
            #expect(Laws.events(codec(recording), [recording.response]).failure?.kind == kind, "\(recording.id)")
        }
        #expect(Self.chat.filter { Self.failing[$0.id] != nil }.count == Self.failing.count)
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

    @Test func whatAnAnswerSaidIsTheSameInOurOwnWords() {
        check(.own) { recording in
            Laws.withAnswer(codec(recording), recording) { Laws.crossing($0, codec(recording)) }
        }
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
