import GatehouseCore
import NIOCore
import Testing

/// Every recorded exchange with Anthropic's Messages API.
@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct AnthropicCorpusTests {
    private static let recordings = Recording.all("anthropic.messages")

    private static let whole = recordings.filter { !$0.isStream }
    private static let streams = recordings.filter(\.isStream)
    private static let wire = "anthropic.messages"

    @Test func `a request that is read and written again is the same`() {
        let exceptions = [
            "anthropic--anthropic-messages--json--anthropic-completion-error--87a6f549":
                "the request is wrong on purpose: a message is a string"
        ]
        Conformance.check(.request, Self.wire, over: Self.recordings, exceptions: exceptions) {
            Laws.requestRoundTrip(AnthropicCodec.self, $0)
        }
    }

    @Test func `a request that is wrong on purpose is refused by the path of its fault`() throws {
        let recording = try #require(Self.recordings.first { $0.id.hasSuffix("anthropic-completion-error--87a6f549") })
        let body = try #require(recording.request)
        let error = #expect(throws: GatehouseError.self) { try AnthropicCodec.decodeRequest(body) }
        #expect(error?.param == "messages[0]")
    }

    @Test func `a whole answer that is read and written again is the same`() {
        Conformance.check(.answer, Self.wire, over: Self.whole) { Laws.responseRoundTrip(AnthropicCodec.self, $0) }
    }

    @Test func `a stream gives the same events however it is cut`() {
        Conformance.check(.splits, Self.wire, over: Self.streams) { Laws.splits(AnthropicCodec.self, $0, seed: 7) }
    }

    @Test func `every stream is an answer`() {
        Conformance.check(.stream, Self.wire, over: Self.streams) { recording in
            Laws.withAnswer(AnthropicCodec.self, recording) { answer in
                guard !answer.parts.isEmpty || answer.finish.reason != .stop else { return "says nothing" }
                guard let usage = answer.finish.usage, usage.input > 0, usage.output > 0 else { return "no usage" }
                return nil
            }
        }
    }

    @Test func `every answer crosses into its own dialect`() {
        Conformance.check(.own, Self.wire, over: Self.recordings) { recording in
            Laws.withAnswer(AnthropicCodec.self, recording) { Laws.crossing($0, AnthropicCodec.self) }
        }
    }

    /// The events of a stream, written and read again, are the same answer part by part.
    @Test func `a stream that is written again keeps every part`() {
        Conformance.check(.parts, Self.wire, over: Self.streams) { recording in
            Laws.withAnswer(AnthropicCodec.self, recording) { before in
                let written = AnthropicStreams.written(Laws.events(AnthropicCodec.self, [recording.response]).events)
                if let fault = AnthropicStreams.grammarFault(written) { return fault }
                let again = Laws.events(AnthropicCodec.self, [written])
                guard let after = Laws.answer(again.events) else { return "\(String(describing: again.failure))" }
                return before == after ? nil : "\(before) became \(after)"
            }
        }
    }

    @Test func `a second message in the middle of the first is a failure`() throws {
        let recording = try #require(Self.recordings.first { $0.id.hasSuffix("spliced-message-start--373650d8") })
        let (events, failure) = Laws.events(AnthropicCodec.self, [recording.response])
        #expect(failure?.kind == .protocol)
        #expect(events.contains(.reasoningDelta("I will call the tool.")))
    }

    @Test func `a stream that is cut at any byte is never an answer`() throws {
        let streams = Self.recordings.filter { $0.isStream && $0.status == 200 }
        let recording = try #require(
            streams.filter { $0.response.readableBytes > 2_000 && !$0.id.contains("spliced") }
                .min { $0.response.readableBytes < $1.response.readableBytes })
        let bytes = Array(recording.response.readableBytesView)
        let text = String(decoding: bytes, as: UTF8.self)
        let end = try #require(text.firstRange(of: "\"message_stop\"")).upperBound
        let whole = text.utf8.distance(from: text.startIndex, to: end) + 1
        let first = text.utf8.distance(
            from: text.startIndex, to: try #require(text.firstRange(of: "data:")).upperBound)
        for length in 0..<whole {
            let (events, failure) = Laws.events(AnthropicCodec.self, [ByteBuffer(bytes: bytes[..<length])])
            #expect(failure?.kind == (length < first - 1 ? .empty : .truncated), "cut at \(length)")
            #expect(Laws.answer(events) == nil, "cut at \(length)")
        }
        #expect(Laws.events(AnthropicCodec.self, [ByteBuffer(bytes: bytes[..<whole])]).failure == nil)
    }

    @Test func `every error answer is classified`() {
        let kinds: [Int: Failure.Kind] = [400: .input, 401: .auth, 404: .modelUnknown]
        let errors = Self.recordings.filter { $0.status >= 400 }
        #expect(errors.count >= 15)
        for recording in errors {
            let head = UpstreamHead(status: recording.status, contentType: "application/json")
            #expect(AnthropicCodec.failure(head, body: recording.response).kind == kinds[recording.status])
        }
    }

    @Test func `every count of tokens is read and written again`() throws {
        let recordings = Recording.all("anthropic.count_tokens")
        #expect(recordings.count == 6)
        for recording in recordings {
            let body = try #require(recording.request)
            let request = try AnthropicCountTokens.decodeRequest(body)
            let target = TargetTraits(kind: "anthropic", model: request.model)
            let encoded = try AnthropicCountTokens.encodeRequest(request, for: target)
            #expect(body.difference(from: encoded.body) == nil, "\(recording.id)")
            guard recording.status == 200 else { continue }
            let answer = try JSONValue(parsing: recording.response.readableBytesView)
            let count = try AnthropicCountTokens.decodeResponse(answer)
            #expect(AnthropicCountTokens.encodeResponse(count) == answer)
        }
    }
}
