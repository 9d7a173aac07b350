import GatehouseCore
import NIOCore
import Testing

/// The laws of a dialect over all recordings of `generateContent`.
@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct GeminiCorpusTests {
    private static let recordings = Recording.all("gemini.generateContent")

    /// Recordings that cannot hold a law, and why.
    private static let exceptions: [(id: String, laws: [String], reason: String)] = [
        (
            "test-generate-invalid-role", ["requests"],
            "its role is none of the dialect's: Google refused it as well"
        ),
        (
            "test-gemini-tool-returning-float", ["answers", "crossing"],
            "its answer is one empty text: the failure `empty`, so that another try may say something"
        ),
    ]

    private func isException(_ recording: Recording, _ law: String) -> Bool {
        Self.exceptions.contains { recording.id.contains($0.id) && $0.laws.contains(law) }
    }

    private func expectAll(_ name: String, _ law: (Recording) -> String?) {
        let checked = Self.recordings.filter { !isException($0, name) }
        let failures = checked.compactMap { recording in law(recording).map { "\(recording.id): \($0)" } }
        #expect(failures.isEmpty, "\(name): \(failures.count) of \(checked.count)\n\(failures.joined(separator: "\n"))")
    }

    @Test func thereAreRecordings() {
        #expect(Self.recordings.count > 150)
        #expect(Self.recordings.filter(\.isStream).count > 60)
    }

    @Test func exceptionsAreStillNeeded() throws {
        let refused = try #require(Self.recordings.first { $0.id.contains(Self.exceptions[0].id) })
        #expect(Laws.requestRoundTrip(GeminiCodec.self, refused) != nil)
        let silent = try #require(Self.recordings.first { $0.id.contains(Self.exceptions[1].id) })
        let body = try JSONValue(parsing: silent.response.readableBytesView)
        #expect { try GeminiCodec.decodeResponse(body) } throws: { ($0 as? Failure)?.kind == .empty }
    }

    @Test func requestsRoundTrip() {
        expectAll("requests") { Laws.requestRoundTrip(GeminiCodec.self, $0) }
    }

    @Test func answersRoundTrip() {
        expectAll("answers") { Laws.responseRoundTrip(GeminiCodec.self, $0) }
    }

    @Test func streamsAreTheSameForAnyCut() {
        expectAll("cuts") { recording in
            recording.isStream ? Laws.splits(GeminiCodec.self, recording, seed: 7, times: 6) : nil
        }
    }

    @Test func streamsDecodeToAnswers() {
        expectAll("streams") { recording in
            guard recording.isStream, recording.status == 200 else { return nil }
            let (events, failure) = Laws.events(GeminiCodec.self, [recording.response])
            if let failure { return "\(failure)" }
            guard let answer = Laws.answer(events) else { return "no answer" }
            if answer.finish.usage == nil { return "no usage" }
            return answer.parts.isEmpty ? "no parts" : nil
        }
    }

    @Test func answersCrossIntoTheirOwnDialect() {
        expectAll("crossing") { recording in
            guard recording.status == 200 else { return nil }
            if recording.isStream {
                return Laws.answer(Laws.events(GeminiCodec.self, [recording.response]).events)
                    .flatMap { Laws.crossing($0, GeminiCodec.self) }
            }
            guard let body = try? JSONValue(parsing: recording.response.readableBytesView),
                let answer = try? GeminiCodec.decodeResponse(body)
            else { return "no answer" }
            return Laws.crossing(answer, GeminiCodec.self)
        }
    }

    @Test func arraysCrossAsEventsDo() throws {
        var options = StreamOptions()
        options.asArray = true
        let identity = AnswerIdentity(call: "call1", model: "m", created: 5)
        for recording in Self.recordings where recording.isStream && recording.status == 200 {
            let answer = try #require(Laws.answer(Laws.events(GeminiCodec.self, [recording.response]).events))
            var encoder = GeminiCodec.streamEncoder(as: identity, options: options)
            var buffer = ByteBuffer()
            for event in answer.events { encoder.encode(event, to: &buffer) }
            let array = try JSONValue(parsing: buffer.readableBytesView)
            #expect(array.array?.isEmpty == false, "\(recording.id)")
            let (events, failure) = Laws.events(GeminiCodec.self, [buffer])
            #expect(failure == nil, "\(recording.id)")
            #expect(Laws.answer(events).map(Laws.Essence.init) == Laws.Essence(answer), "\(recording.id)")
        }
    }

    /// Each signature arrives with its part, byte for byte, in the order in which the parts came.
    @Test func signaturesSurviveInOrder() {
        expectAll("signatures") { recording in
            guard recording.status == 200 else { return nil }
            var documents: [JSONValue] = []
            if recording.isStream {
                let text = String(buffer: recording.response)
                if text.first == "[" {
                    documents = (try? JSONValue(parsing: text.utf8))?.array ?? []
                } else {
                    documents = text.split(whereSeparator: \.isNewline).compactMap { line in
                        try? JSONValue(parsing: line.dropFirst(5).utf8)
                    }
                }
            } else if let body = try? JSONValue(parsing: recording.response.readableBytesView) {
                documents = [body]
            }
            let sent = documents.flatMap { document in
                (document["candidates"]?[0]?["content"]?["parts"]?.array ?? []).compactMap { part in
                    part["thoughtSignature"]?.string
                }
            }
            let answer =
                recording.isStream
                ? Laws.answer(Laws.events(GeminiCodec.self, [recording.response]).events)
                : documents.first.flatMap { try? GeminiCodec.decodeResponse($0) }
            let kept = (answer?.parts ?? []).compactMap { part -> String? in
                if case .native(_, _, let value) = part.content { return value["thoughtSignature"]?.string }
                return part.signature?.value
            }
            return kept == sent ? nil : "\(sent.count) came, \(kept.count) stayed"
        }
    }

    @Test func errorsAreClassified() throws {
        let expected: [(part: String, kind: Failure.Kind)] = [
            ("auth-rejection-keeps", .auth), ("nonexistent-model", .modelUnknown), ("errorresponse", .modelUnknown),
            ("genstream-toplogprobs", .input), ("testgoogleaierrorhandling", .auth), ("google-429-retry-info", .rate),
            ("test-generate-missing-model", .modelUnknown), ("test-generate-invalid-temperature", .input),
            ("testagentmultimodalgemini-mixed-file", .rate), ("test-model-sees-multiple-images", .input),
        ]
        for (part, kind) in expected {
            let recording = try #require(Self.recordings.first { $0.id.contains(part) }, "\(part)")
            let head = UpstreamHead(status: recording.status, contentType: "application/json")
            let failure = GeminiCodec.failure(head, body: recording.response)
            #expect(failure.kind == kind, "\(part)")
        }
        let limited = try #require(Self.recordings.first { $0.id.contains("google-429-retry-info") })
        let head = UpstreamHead(status: 429, contentType: "application/json")
        #expect(GeminiCodec.failure(head, body: limited.response).retryAfter == 35)
    }

    /// A stream cut at any byte is never taken for a whole answer, unless only blanks were lost.
    @Test func cutStreamsAreTruncated() throws {
        for form in ["tool-calls-and-resumes-results", "testgoogleaitoolcallresponse"] {
            let recording = try #require(Self.recordings.first { $0.id.contains(form) && $0.isStream })
            let bytes = Array(recording.response.readableBytesView)
            let text = String(decoding: bytes, as: UTF8.self)
            let isArray = text.first == "["
            let end = bytes.lastIndex(of: UInt8(ascii: isArray ? "]" : "}")) ?? 0
            for length in 0...bytes.count {
                let piece = ByteBuffer(bytes: bytes.prefix(length))
                let (events, failure) = Laws.events(GeminiCodec.self, [piece])
                if length > end {
                    #expect(failure == nil && Laws.answer(events) != nil, "\(length)")
                } else {
                    let kind = failure?.kind
                    #expect(kind == .truncated || kind == .empty, "\(length): \(String(describing: failure))")
                    #expect(Laws.answer(events) == nil, "\(length)")
                }
            }
        }
    }
}
