import GatehouseCore
import NIOCore
import Testing

@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct BedrockCorpusTests {
    private static let recordings = Recording.all("bedrock.converse")
    private static let streams = recordings.filter { $0.isStream && $0.status == 200 }

    /// What of each recording fails, with its id.
    private func failures(
        _ recordings: [Recording], _ law: (Recording) -> String?
    ) -> [String] {
        recordings.compactMap { recording in law(recording).map { "\(recording.id): \($0)" } }
    }

    @Test func theCorpusIsWhole() {
        #expect(Self.recordings.count == 76)
        #expect(Self.streams.count == 36)
        #expect(Self.recordings.filter { $0.request != nil }.count == 70)
    }

    @Test func requestsRoundTrip() {
        #expect(failures(Self.recordings) { Laws.requestRoundTrip(BedrockCodec.self, $0) } == [])
    }

    @Test func answersRoundTrip() {
        #expect(failures(Self.recordings) { Laws.responseRoundTrip(BedrockCodec.self, $0) } == [])
    }

    @Test func streamsAreTheSameForAnyCut() {
        #expect(failures(Self.streams) { Laws.splits(BedrockCodec.self, $0, seed: 7) } == [])
    }

    @Test func streamsBecomeAnswers() {
        let problems = failures(Self.streams) { recording in
            let (events, failure) = Laws.events(BedrockCodec.self, [recording.response])
            guard let answer = Laws.answer(events), failure == nil else { return "\(String(describing: failure))" }
            return answer.parts.isEmpty ? "it is empty" : nil
        }
        #expect(problems == [])
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

    @Test func answersSurviveBeingWrittenAgain() throws {
        var problems: [String] = []
        var count = 0
        for recording in Self.recordings where recording.status == 200 {
            let answer: CanonicalResponse?
            if recording.isStream {
                answer = Laws.answer(Laws.events(BedrockCodec.self, [recording.response]).events)
            } else {
                answer = try BedrockCodec.decodeResponse(JSONValue(parsing: recording.response.readableBytesView))
            }
            count += 1
            guard let answer else { continue }
            if let problem = Laws.crossing(answer, BedrockCodec.self) { problems.append("\(recording.id): \(problem)") }
        }
        #expect(problems == [])
        #expect(count == 72)
    }

    /// The parts of a stream, native ones too, are the same after being written and read again.
    @Test func streamsRoundTripPartByPart() throws {
        for recording in Self.streams {
            let answer = try #require(Laws.answer(Laws.events(BedrockCodec.self, [recording.response]).events))
            let identity = AnswerIdentity(call: "c", model: "m", created: 0)
            var encoder = BedrockCodec.streamEncoder(as: identity, options: StreamOptions())
            var buffer = ByteBuffer()
            for event in answer.events { encoder.encode(event, to: &buffer) }
            let again = try #require(Laws.answer(Laws.events(BedrockCodec.self, [buffer]).events))
            #expect(again.parts == answer.parts, "\(recording.id)")
            #expect(again.finish.extensions[.bedrock, "metrics"] == answer.finish.extensions[.bedrock, "metrics"])
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
