import GatehouseCore
import NIOCore
import Testing

/// The laws of dialects, over every recording of Ollama.
@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct OllamaCorpusTests {
    private static let recordings = Recording.all("ollama.chat")

    private static let whole = recordings.filter { !$0.isStream }
    private static let streams = recordings.filter(\.isStream)
    private static let wire = "ollama.chat"

    @Test func `the corpus has the recordings`() {
        #expect(Self.recordings.count >= 30)
    }

    @Test func `requests come back as they were`() {
        Conformance.check(.request, Self.wire, over: Self.recordings) { Laws.requestRoundTrip(OllamaCodec.self, $0) }
    }

    @Test func `whole answers come back as they were`() {
        Conformance.check(.answer, Self.wire, over: Self.whole) { Laws.responseRoundTrip(OllamaCodec.self, $0) }
    }

    @Test func `streams say the same however they are cut`() {
        Conformance.check(.splits, Self.wire, over: Self.streams) {
            Laws.splits(OllamaCodec.self, $0, seed: 7, times: 8)
        }
    }

    @Test func `every stream is an answer`() {
        Conformance.check(.stream, Self.wire, over: Self.streams) { Laws.streamIsAnswer(OllamaCodec.self, $0) }
    }

    @Test func `answers survive being written again, whole and streamed`() {
        Conformance.check(.own, Self.wire, over: Self.recordings) { recording in
            Laws.withAnswer(OllamaCodec.self, recording) { Laws.crossing($0, OllamaCodec.self) }
        }
    }

    @Test func `errors are failures of their status`() {
        for recording in Self.recordings where recording.status != 200 {
            let head = UpstreamHead(status: recording.status, contentType: "application/json")
            let failure = OllamaCodec.failure(head, body: recording.response)
            let expected: Failure.Kind =
                switch recording.status {
                case 401: .auth
                case 404: .modelUnknown
                default: .input
                }
            #expect(failure.kind == expected, "\(recording.id)")
            #expect(failure.detail == "status \(recording.status)")
        }
    }
}
