import GatehouseCore
import NIOCore
import Testing

@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct BedrockCorpusTests {
    private static let recordings = Recording.all("bedrock.converse")
    private static let whole = recordings.filter { !$0.isStream }
    private static let streams = recordings.filter { $0.isStream && $0.status == 200 }
    private static let wire = "bedrock.converse"

    @Test func theCorpusIsWhole() {
        #expect(Self.recordings.count == 76)
        #expect(Self.streams.count == 36)
        #expect(Self.recordings.filter { $0.request != nil }.count == 70)
    }

    @Test func requestsRoundTrip() {
        Conformance.check(.request, Self.wire, over: Self.recordings) { Laws.requestRoundTrip(BedrockCodec.self, $0) }
    }

    @Test func answersRoundTrip() {
        Conformance.check(.answer, Self.wire, over: Self.whole) { Laws.responseRoundTrip(BedrockCodec.self, $0) }
    }

    @Test func streamsAreTheSameForAnyCut() {
        Conformance.check(.splits, Self.wire, over: Self.streams) {
            Laws.splits(BedrockCodec.self, $0, seed: 7, times: 8)
        }
    }

    @Test func streamsBecomeAnswers() {
        Conformance.check(.stream, Self.wire, over: Self.streams) { recording in
            Laws.withAnswer(BedrockCodec.self, recording) { $0.parts.isEmpty ? "it is empty" : nil }
        }
    }

    /// Where a request was asked both ways: the same kind of answer.
    @Test func streamsSayWhatWholeAnswersSay() {
        var pairs = 0
        for stream in Self.streams {
            guard let request = stream.request,
                let whole = Self.recordings.first(where: { !$0.isStream && $0.request == request && $0.status == 200 }),
                let body = try? JSONValue(parsing: whole.response.readableBytesView),
                let answer = try? BedrockCodec.decodeResponse(body),
                let streamed = Laws.answer(Laws.events(BedrockCodec.self, [stream.response]).events)
            else { continue }
            pairs += 1
            #expect(streamed.finish.reason == answer.finish.reason, "\(stream.id)")
            #expect(streamed.parts.map(\.kindName) == answer.parts.map(\.kindName), "\(stream.id)")
            #expect(streamed.finish.usage?.input == answer.finish.usage?.input, "\(stream.id)")
        }
        #expect(pairs >= 3)
    }

    @Test func answersSurviveBeingWrittenAgain() {
        Conformance.check(.own, Self.wire, over: Self.recordings) { recording in
            Laws.withAnswer(BedrockCodec.self, recording) { Laws.crossing($0, BedrockCodec.self) }
        }
    }

    /// The parts of a stream, native ones too, are the same after being written and read again.
    @Test func streamsRoundTripPartByPart() {
        Conformance.check(.parts, Self.wire, over: Self.streams) { recording in
            Laws.withAnswer(BedrockCodec.self, recording) { answer in
                let identity = AnswerIdentity(call: "c", model: "m", created: 0)
                var encoder = BedrockCodec.streamEncoder(as: identity, options: StreamOptions())
                var buffer = ByteBuffer()
                for event in answer.events { encoder.encode(event, to: &buffer) }
                let (events, failure) = Laws.events(BedrockCodec.self, [buffer])
                guard let again = Laws.answer(events) else { return "\(String(describing: failure))" }
                let metrics = [answer, again].map { $0.finish.extensions[.bedrock, "metrics"] }
                if metrics[0] != metrics[1] { return "other metrics" }
                return again.parts == answer.parts ? nil : "\(answer.parts) became \(again.parts)"
            }
        }
    }

    /// A stream cut short anywhere is no answer, but where only the usage is missing.
    @Test func cutStreamsAreTruncated() throws {
        let recording = try #require(Self.streams.first { $0.id.contains("test-converse-tool-call--b7f8c06b") })
        var whole = 0
        for length in 0..<recording.response.readableBytes {
            let piece = try #require(recording.response.getSlice(at: recording.response.readerIndex, length: length))
            let (events, failure) = Laws.events(BedrockCodec.self, [piece])
            if failure == nil {
                whole += 1
                #expect(Laws.answer(events)?.finish.reason == .toolCalls)
            } else {
                #expect(failure?.kind == (length == 0 ? .empty : .truncated))
                #expect(Laws.answer(events) == nil)
            }
        }
        #expect(whole == 1)
    }

    /// Any bit that is turned is noticed.
    @Test func damagedStreamsAreRefused() throws {
        let recording = try #require(Self.streams.first { $0.id.contains("test-nova-converse") })
        let bytes = Array(recording.response.readableBytesView)
        for place in stride(from: 0, to: bytes.count, by: 7) {
            var damaged = bytes
            damaged[place] ^= 1 << UInt8(place % 8)
            let failure = Laws.events(BedrockCodec.self, [ByteBuffer(bytes: damaged)]).failure
            #expect(failure?.kind == .protocol, "byte \(place)")
        }
    }

    @Test(arguments: [
        ("bare-profile-only-model-id", Failure.Kind.modelUnknown), ("retired-model-id", .modelUnknown),
        ("bedrock-converse-error", .auth), ("test-converse-invalid-model", .modelUnknown),
    ])
    func errorsAreClassified(id: String, kind: Failure.Kind) throws {
        let recording = try #require(Self.recordings.first { $0.id.contains(id) })
        let head = UpstreamHead(status: recording.status, contentType: "application/json")
        #expect(BedrockCodec.failure(head, body: recording.response).kind == kind)
    }
}
