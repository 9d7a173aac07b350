import GatehouseCore
import NIOCore
import Testing

/// The laws of a dialect over all recordings of `generateContent`.
@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct GeminiCorpusTests {
    private static let recordings = Recording.all("gemini.generateContent")

    private static let whole = recordings.filter { !$0.isStream }
    private static let streams = recordings.filter(\.isStream)
    private static let wire = "gemini.generateContent"

    @Test func thereAreRecordings() {
        #expect(Self.recordings.count > 150)
        #expect(Self.recordings.filter(\.isStream).count > 60)
    }

    @Test func oneEmptyTextIsNoAnswer() throws {
        let silent = try #require(Self.recordings.first { $0.id.contains("test-gemini-tool-returning-float") })
        let body = try JSONValue(parsing: silent.response.readableBytesView)
        #expect { try GeminiCodec.decodeResponse(body) } throws: { ($0 as? Failure)?.kind == .empty }
    }

    @Test func requestsRoundTrip() {
        let exceptions = [
            "vertex--gemini-generateContent--json--test-generate-invalid-role--bf5830f8":
                "its role is none of the dialect's: Google refused it as well"
        ]
        Conformance.check(.request, Self.wire, over: Self.recordings, exceptions: exceptions) {
            Laws.requestRoundTrip(GeminiCodec.self, $0)
        }
    }

    @Test func answersRoundTrip() {
        Conformance.check(.answer, Self.wire, over: Self.whole) { Laws.responseRoundTrip(GeminiCodec.self, $0) }
    }

    @Test func streamsAreTheSameForAnyCut() {
        Conformance.check(.splits, Self.wire, over: Self.streams) {
            Laws.splits(GeminiCodec.self, $0, seed: 7, times: 6)
        }
    }

    @Test func streamsDecodeToAnswers() {
        Conformance.check(.stream, Self.wire, over: Self.streams) { Laws.streamIsAnswer(GeminiCodec.self, $0) }
    }

    @Test func answersCrossIntoTheirOwnDialect() {
        Conformance.check(.own, Self.wire, over: Self.recordings) { recording in
            Laws.withAnswer(GeminiCodec.self, recording) { Laws.crossing($0, GeminiCodec.self) }
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
        Conformance.check(.signatures, Self.wire, over: Self.recordings) { recording in
            Laws.withAnswer(GeminiCodec.self, recording) { answer in
                let sent = Self.documents(recording).flatMap { document in
                    (document["candidates"]?[0]?["content"]?["parts"]?.array ?? []).compactMap { part in
                        part["thoughtSignature"]?.string
                    }
                }
                let kept = answer.parts.compactMap { part -> String? in
                    if case .native(_, _, let value) = part.content { return value["thoughtSignature"]?.string }
                    return part.signature?.value
                }
                return kept == sent ? nil : "\(sent.count) came, \(kept.count) stayed"
            }
        }
    }

    /// The JSON documents that an answer consists of: one, or one per event or element of an array.
    private static func documents(_ recording: Recording) -> [JSONValue] {
        let text = String(buffer: recording.response)
        if let whole = try? JSONValue(parsing: text.utf8) { return whole.array ?? [whole] }
        return text.split(whereSeparator: \.isNewline).compactMap { line in
            try? JSONValue(parsing: line.dropFirst(5).utf8)
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
