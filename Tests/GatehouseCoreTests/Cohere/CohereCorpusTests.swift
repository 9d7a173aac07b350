import GatehouseCore
import NIOCore
import Testing

/// The laws of dialects, over every recording of Cohere.
@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct CohereCorpusTests {
    private static let recordings = Recording.all("cohere.v2")

    private func failures(_ law: (Recording) -> String?) -> [String] {
        Self.recordings.compactMap { recording in law(recording).map { "\(recording.id): \($0)" } }
    }

    @Test func `the corpus has the recordings`() {
        #expect(Self.recordings.count >= 30)
    }

    @Test func `requests come back as they were`() {
        #expect(failures { Laws.requestRoundTrip(CohereCodec.self, $0) } == [])
    }

    @Test func `whole answers come back as they were`() {
        #expect(failures { Laws.responseRoundTrip(CohereCodec.self, $0) } == [])
    }

    @Test func `streams say the same however they are cut`() {
        #expect(failures { $0.isStream ? Laws.splits(CohereCodec.self, $0, seed: 7) : nil } == [])
    }

    @Test func `every stream is an answer`() {
        let failures = failures { recording in
            guard recording.isStream else { return nil }
            let (events, failure) = Laws.events(CohereCodec.self, [recording.response])
            if let failure { return "\(failure)" }
            guard let answer = Laws.answer(events) else { return "no answer" }
            return answer.parts.isEmpty || answer.finish.usage == nil ? "nothing in it" : nil
        }
        #expect(failures == [])
    }

    @Test func `answers survive being written again, whole and streamed`() {
        let failures = failures { recording in
            guard recording.status == 200 else { return nil }
            if recording.isStream {
                return Laws.answer(Laws.events(CohereCodec.self, [recording.response]).events)
                    .flatMap { Laws.crossing($0, CohereCodec.self) }
            }
            guard let body = try? JSONValue(parsing: recording.response.readableBytesView),
                let answer = try? CohereCodec.decodeResponse(body)
            else { return "cannot be read" }
            return Laws.crossing(answer, CohereCodec.self)
        }
        #expect(failures == [])
    }

    @Test func `errors are failures of their status`() {
        for recording in Self.recordings where recording.status != 200 {
            let head = UpstreamHead(status: recording.status, contentType: "application/json")
            let failure = CohereCodec.failure(head, body: recording.response)
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
