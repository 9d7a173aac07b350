import GatehouseCore
import NIOCore
import Testing

/// Every recording of embeddings and reranking.
@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct EmbeddingsCorpusTests {
    private struct Wire {
        var name: String
        var codec: any EmbeddingsCodec
        var select: @Sendable (Recording) -> Bool = { _ in true }

        var recordings: [Recording] { Recording.all(name).filter(select) }
    }

    private static let wires = [
        Wire(name: "openai.embeddings", codec: OpenAIEmbeddings()) {
            $0.path.contains("/embeddings?api-version") || $0.path.hasSuffix("/embeddings")
        },
        Wire(name: "cohere.embed", codec: CohereEmbeddings()),
        Wire(name: "other.embed", codec: OllamaEmbeddings()),
        Wire(name: "bedrock.invoke", codec: TitanEmbeddings()) { $0.path.contains("titan-embed") },
    ]

    @Test func `the corpus has the recordings`() {
        #expect(Self.wires.map(\.recordings.count) == [31, 4, 2, 1])
    }

    @Test func `requests come back as they were`() {
        for wire in Self.wires {
            Conformance.check(.request, wire.name, over: wire.recordings) { recording in
                guard let body = recording.request else { return .notUsable("the request has no JSON body") }
                do {
                    let encoded = try wire.codec.encodeRequest(wire.codec.decodeRequest(body))
                    guard encoded.dropped == [] else { return .fails("drops \(encoded.dropped)") }
                    return Verdict(body.difference(from: encoded.body))
                } catch {
                    return .fails("\(error)")
                }
            }
        }
    }

    @Test func `answers come back as they were, to the last bit of each float`() {
        for wire in Self.wires {
            Conformance.check(.answer, wire.name, over: wire.recordings) { recording in
                guard recording.status == 200 else { return .notUsable("an error answer: status \(recording.status)") }
                if let reason = NoAnswers.reasons[recording.id] { return .notUsable(reason) }
                do {
                    guard let body = recording.request else { return .fails("no request to answer") }
                    let request = try wire.codec.decodeRequest(body)
                    let response = try wire.codec.decodeResponse(recording.response)
                    try response.check(against: request)
                    let identity = AnswerIdentity(call: "none", model: "none", created: 0)
                    let again = wire.codec.encodeResponse(response, to: request, as: identity)
                    let before = try JSONValue(parsing: recording.response.readableBytesView).withFloats
                    let after = try JSONValue(parsing: again.readableBytesView).withFloats
                    return Verdict(before.difference(from: after))
                } catch {
                    return .fails("\(error)")
                }
            }
        }
    }

    @Test func `an answer reads the same through every dialect and encoding`() throws {
        let recording = try #require(Recording.all("openai.embeddings").first { $0.id.contains("document-embedder") })
        let response = try OpenAIEmbeddings().decodeResponse(recording.response)
        #expect(response.vectors.map(\.count) == [1536, 1536])
        let identity = AnswerIdentity(call: "call1", model: "m", created: 5)
        let codecs: [any EmbeddingsCodec] = [OpenAIEmbeddings(), CohereEmbeddings(), OllamaEmbeddings()]
        for codec in codecs {
            for encoding in [EmbeddingsRequest.Encoding.float, .base64] {
                var request = EmbeddingsRequest(model: "m", inputs: [.text("a"), .text("b")])
                request.encoding = encoding
                let body = codec.encodeResponse(response, to: request, as: identity)
                let again = try codec.decodeResponse(body)
                #expect(again.vectors == response.vectors, "\(codec)")
                #expect(again.usage?.input == 20, "\(codec)")
            }
        }
    }

    @Test func `what is no answer is a failure`() {
        for wire in Self.wires {
            for recording in wire.recordings
            where recording.status != 200 || NoAnswers.reasons[recording.id] != nil {
                #expect(throws: Failure.self, "\(recording.id)") { try wire.codec.decodeResponse(recording.response) }
            }
        }
    }

    @Test func `reranking comes back as it was, and crosses`() throws {
        let recordings = Recording.all("rerank")
        #expect(recordings.count == 5)
        let identity = AnswerIdentity(call: "call1", model: "m", created: 5)
        for recording in recordings {
            let codec: RerankCodec = recording.provider == "cohere" ? .cohere : .jina
            let other: RerankCodec = codec == .cohere ? .jina : .cohere
            let body = try #require(recording.request)
            let request = try codec.decodeRequest(body)
            #expect(body.difference(from: try codec.encodeRequest(request).body) == nil, "\(recording.id)")
            let answer = try JSONValue(parsing: recording.response.readableBytesView)
            let response = try codec.decodeResponse(answer)
            try response.check(against: request)
            let again = codec.encodeResponse(response, to: request, as: identity)
            #expect(answer.difference(from: again) == nil, "\(recording.id)")
            let crossed = try other.decodeResponse(other.encodeResponse(response, to: request, as: identity))
            #expect(crossed.results.map(\.index) == response.results.map(\.index))
            #expect(crossed.results.map(\.score) == response.results.map(\.score))
        }
    }
}

extension JSONValue {
    /// With every number as the nearest float.
    var withFloats: JSONValue {
        switch self {
        case .number(let text): .number(Float(text).map { "\($0)" } ?? text)
        case .array(let elements): .array(elements.map(\.withFloats))
        case .object(let members): .object(members.map { Member($0.key, $0.value.withFloats) })
        default: self
        }
    }
}
