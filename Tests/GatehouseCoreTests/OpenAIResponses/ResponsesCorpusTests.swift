import GatehouseCore
import GatehouseTesting
import NIOCore
import Testing

@Suite(
    "Responses: recorded exchanges",
    .enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct ResponsesCorpusTests {
    static let recordings = Recording.all("openai.responses")

    private static let whole = recordings.filter { !$0.isStream }
    private static let streams = recordings.filter(\.isStream)
    private static let wire = "openai.responses"

    @Test func `a request decoded and encoded is the same`() {
        Conformance.check(.request, Self.wire, over: Self.recordings) { Laws.requestRoundTrip(ResponsesCodec.self, $0) }
    }

    @Test func `an answer decoded and encoded is the same`() {
        Conformance.check(.answer, Self.wire, over: Self.whole) { Laws.responseRoundTrip(ResponsesCodec.self, $0) }
    }

    @Test func `an answer in another dialect is a protocol failure`() throws {
        let recording = try #require(Self.recordings.first { $0.id.contains("azure-deepseek-reasoning-1--bdf5cb96") })
        let body = try JSONValue(parsing: recording.response.readableBytesView)
        #expect(throws: Failure(.protocol, detail: "answer without output")) {
            try ResponsesCodec.decodeResponse(body)
        }
    }

    @Test func `an error at the end of a stream is a failure of its class`() throws {
        let recording = try #require(Self.streams.first { $0.id.contains("openai-error-1") })
        #expect(Laws.events(ResponsesCodec.self, [recording.response]).failure?.kind == .quota)
    }

    @Test func `a stream cut anywhere gives the same events`() {
        Conformance.check(.splits, Self.wire, over: Self.streams) { Laws.splits(ResponsesCodec.self, $0, seed: 11) }
    }

    /// The response object of the first event that ends a stream.
    private func last(_ recording: Recording) -> JSONValue? {
        let text = String(buffer: recording.response)
        for line in text.split(whereSeparator: \.isNewline) where line.hasPrefix("data:") {
            guard let event = try? JSONValue(parsing: line.dropFirst(5).utf8),
                ["response.completed", "response.incomplete"].contains(event["type"]?.string ?? "")
            else { continue }
            return event["response"]
        }
        return nil
    }

    @Test func `a stream says what its last event repeats as a whole`() {
        var compared = 0
        Conformance.check(.stream, Self.wire, over: Self.streams) { recording in
            Laws.withAnswer(ResponsesCodec.self, recording) { streamed in
                guard let response = last(recording), response["output"]?.array?.isEmpty == false else {
                    return streamed.parts.isEmpty ? "no parts" : nil
                }
                compared += 1
                do {
                    let whole = try ResponsesCodec.decodeResponse(response)
                    let (left, right) = (Laws.Essence(whole), Laws.Essence(streamed))
                    return left.difference(from: right)
                } catch {
                    return "\(error)"
                }
            }
        }
        #expect(compared > 80)
    }

    @Test func `every stream tells citations and native items as its last event does`() {
        Conformance.check(.parts, Self.wire, over: Self.streams) { recording in
            guard let response = last(recording), response["output"]?.array?.isEmpty == false else {
                return .notUsable("its last event repeats no output")
            }
            return Laws.withAnswer(ResponsesCodec.self, recording) { streamed in
                guard let whole = try? ResponsesCodec.decodeResponse(response) else { return "the last event is odd" }
                let (left, right) = (Self.rest(whole.parts), Self.rest(streamed.parts))
                return left == right ? nil : "\(left) is \(right) in the stream"
            }
        }
    }

    /// Citations and native items, without the order in which they came.
    private static func rest(_ parts: [Part]) -> [String] {
        parts.flatMap { part -> [String] in
            if case .native(_, let type, _) = part.content { return [type] }
            return part.citations.map { "\($0.url ?? "")\($0.start ?? -1)" }
        }.sorted()
    }

    @Test func `answers cross into this dialect and back`() {
        Conformance.check(.own, Self.wire, over: Self.recordings) { recording in
            Laws.withAnswer(ResponsesCodec.self, recording) { answer in
                var answer = answer
                // As an answer of another dialect would be: without the members that this one noted.
                answer.extensions = Extensions()
                return Laws.crossing(answer, ResponsesCodec.self)
            }
        }
    }

    @Test func `a stream cut at any byte is truncated, never finished`() throws {
        let recording = try #require(Self.streams.first { $0.response.readableBytes < 20_000 && last($0) != nil })
        let whole = Array(recording.response.readableBytesView)
        let end = try #require(String(decoding: whole, as: UTF8.self).range(of: "response.completed"))
        for length in 1..<end {
            let (events, failure) = Laws.events(ResponsesCodec.self, [ByteBuffer(bytes: whole[..<length])])
            let isFinished = events.contains { if case .finished = $0 { true } else { false } }
            guard [.truncated, .empty, .protocol].contains(failure?.kind), !isFinished else {
                Issue.record("cut at \(length): \(String(describing: failure))")
                return
            }
        }
    }

    @Test func `a damaged stream fails or ends, and what came of it can be written`() {
        var generator = SeededGenerator(seed: 3)
        for recording in Self.streams where recording.response.readableBytes < 200_000 {
            var lines = String(buffer: recording.response).split(separator: "\n", omittingEmptySubsequences: false)
            for _ in 0..<3 where lines.count > 4 {
                lines.remove(at: Int.random(in: 0..<lines.count, using: &generator))
                lines.swapAt(
                    Int.random(in: 0..<lines.count, using: &generator),
                    Int.random(in: 0..<lines.count, using: &generator))
            }
            let damaged = ByteBuffer(string: lines.joined(separator: "\n"))
            let (events, failure) = Laws.events(ResponsesCodec.self, [damaged])
            let isFinished = events.contains { if case .finished = $0 { true } else { false } }
            #expect(isFinished == (failure == nil), "\(recording.id)")
            var encoder = ResponsesCodec.streamEncoder(
                as: AnswerIdentity(call: "k", model: "m", created: 1), options: StreamOptions())
            var buffer = ByteBuffer()
            for event in events { encoder.encode(event, to: &buffer) }
            if isFinished { #expect(Laws.events(ResponsesCodec.self, [buffer]).failure == nil, "\(recording.id)") }
        }
    }

    @Test func `recorded errors are classified`() {
        let expected: [(String, Failure.Kind)] = [
            ("test-deepseek-responses-rejects-inte", .input), ("nonexistent-model-error", .modelUnknown),
            ("handshake-rejection", .auth), ("response-create-error", .modelUnknown), ("response-error", .auth),
            ("test-model-call-tools--6891bd01", .input), ("encodes-thoughts-as-text", .input),
            ("genstream-toplogprobs", .input), ("test-openai-responses-thinking-modif", .input),
            ("auth-rejection-classifies", .auth), ("provider-error-classifies", .modelUnknown),
        ]
        for (name, kind) in expected {
            let recording = Self.recordings.first { $0.id.contains(name) && $0.status >= 400 }
            let head = UpstreamHead(status: recording?.status ?? 0, contentType: "application/json")
            let failure = recording.map { ResponsesCodec.failure(head, body: $0.response) }
            #expect(failure?.kind == kind, "\(name)")
        }
    }
}

extension String {
    /// The offset in UTF-8 of the line that holds `needle` first.
    fileprivate func range(of needle: String) -> Int? {
        var offset = 0
        for line in split(separator: "\n", omittingEmptySubsequences: false) {
            if line.contains(needle) { return offset }
            offset += line.utf8.count + 1
        }
        return nil
    }
}
