import GatehouseCore
import NIOCore
import Testing

/// `embedContent`, `batchEmbedContents` and `countTokens`.
@Suite struct GeminiEmbeddingsTests {
    private let target = TargetTraits(kind: "gemini", model: "gemini-embedding-001")

    @Test(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
    func recordedEmbeddingsRoundTrip() throws {
        var count = 0
        for recording in Recording.all("gemini.embedContent") {
            let body = try #require(recording.request)
            let request = try GeminiEmbeddings.decodeRequest(body)
            let (method, encoded) = try GeminiEmbeddings.encodeRequest(
                request, for: TargetTraits(kind: "gemini", model: ""))
            #expect(method == .batchEmbedContents)
            #expect(body.difference(from: encoded.body) == nil, "\(recording.id)")
            let answer = try JSONValue(parsing: recording.response.readableBytesView)
            guard recording.status == 200 else {
                #expect { try GeminiEmbeddings.decodeResponse(answer) } throws: {
                    ($0 as? Failure)?.kind == .modelUnknown
                }
                continue
            }
            let response = try GeminiEmbeddings.decodeResponse(answer)
            let vectors = (answer["embeddings"]?.array ?? []).map { embedding in
                (embedding["values"]?.array ?? []).compactMap { $0.double.map { Float($0) } }
            }
            #expect(response.vectors == vectors && !vectors.isEmpty, "\(recording.id)")
            let again = try GeminiEmbeddings.decodeResponse(GeminiEmbeddings.encodeResponse(response, for: method))
            #expect(
                again.vectors == response.vectors && again.usage?.counts == response.usage?.counts, "\(recording.id)")
            count += 1
        }
        #expect(count == 4)
    }

    @Test(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
    func recordedCountsRoundTrip() throws {
        let recordings = Recording.all("gemini.countTokens")
        #expect(recordings.count == 5)
        for recording in recordings {
            let body = try #require(recording.request)
            let request = try GeminiCountTokens.decodeRequest(body)
            let kind = TargetTraits(kind: recording.provider, model: "m")
            let encoded = try GeminiCountTokens.encodeRequest(request, for: kind)
            #expect(body.difference(from: encoded.body) == nil, "\(recording.id)")
            let answer = try JSONValue(parsing: recording.response.readableBytesView)
            guard recording.status == 200 else { continue }
            let usage = try GeminiCountTokens.decodeResponse(answer)
            #expect(usage.input == answer["totalTokens"]?.int)
            #expect(GeminiCountTokens.encodeResponse(usage) == answer)
        }
    }

    @Test func countsOfOthersAreAskedWithAllThatCounts() throws {
        var request = CanonicalRequest(model: "m")
        request.messages = [
            Message(role: .system, parts: [.text("s")]), Message(role: .user, parts: [.text("x")]),
        ]
        let body = try GeminiCountTokens.encodeRequest(request, for: target).body["generateContentRequest"]
        #expect(body?["model"]?.string == "models/gemini-embedding-001")
        #expect(body?["systemInstruction"] != nil)
        let vertex = try GeminiCountTokens.encodeRequest(request, for: TargetTraits(kind: "vertex", model: "m")).body
        #expect(vertex["contents"] != nil && vertex["systemInstruction"] != nil)
        let nested = try JSONValue(
            parsing: #"{"generate_content_request":{"model":"models/g","contents":[{"parts":[{"text":"x"}]}]}}"#.utf8)
        #expect(try GeminiCountTokens.decodeRequest(nested).model == "g")
        let wrong = try JSONValue(parsing: #"{"generateContentRequest":{"contents":[{"role":"x"}]}}"#.utf8)
        #expect {
            try GeminiCountTokens.decodeRequest(wrong)
        } throws: { ($0 as? GatehouseError)?.param == "generateContentRequest.contents[0].role" }
        #expect(GeminiCountTokens.encodeResponse(Usage(input: 7, output: 0)).text == #"{"totalTokens":7}"#)
        #expect { try GeminiCountTokens.decodeResponse(.object([])) } throws: { ($0 as? Failure)?.kind == .protocol }
    }

    @Test func embeddingsOfOthersAreAsked() throws {
        var request = EmbeddingsRequest(model: "m", inputs: [.text("a"), .text("b")])
        request.dimensions = 8
        request.purpose = .searchDocument
        request.title = "t"
        request.user = "u"
        let (method, encoded) = try GeminiEmbeddings.encodeRequest(request, for: target)
        #expect(method == .batchEmbedContents)
        #expect(
            encoded.body["requests"]?[1]?.text
                == #"{"model":"models/gemini-embedding-001","content":{"parts":[{"text":"b"}]},"#
                + #""taskType":"RETRIEVAL_DOCUMENT","title":"t","outputDimensionality":8}"#)
        #expect(encoded.dropped == ["user"])
        let vertex = TargetTraits(kind: "vertex", model: "gemini-embedding-2")
        #expect(throws: GatehouseError.self) { try GeminiEmbeddings.encodeRequest(request, for: vertex) }
        request.inputs = [.text("a")]
        #expect(try GeminiEmbeddings.encodeRequest(request, for: vertex).method == .embedContent)
        request.inputs = [.tokens([1, 2])]
        #expect { try GeminiEmbeddings.encodeRequest(request, for: target) } throws: {
            ($0 as? GatehouseError)?.param == "input[0]"
        }
    }

    @Test func singleRequestsAndAnswersHaveTheirOwnShape() throws {
        let body = try JSONValue(
            parsing: #"{"content":{"parts":[{"text":"a"}]},"task_type":"CLUSTERING","output_dimensionality":3}"#.utf8)
        let request = try GeminiEmbeddings.decodeRequest(body)
        #expect(request.inputs == [.text("a")] && request.purpose == .clustering && request.dimensions == 3)
        let (method, encoded) = try GeminiEmbeddings.encodeRequest(
            request, for: TargetTraits(kind: "gemini", model: ""))
        #expect(method == .embedContent)
        #expect(body.difference(from: encoded.body) == nil)
        let answer = try JSONValue(
            parsing: #"{"embedding":{"values":[0.1,-2,3e-2],"statistics":{"tokenCount":4}}}"#.utf8)
        let response = try GeminiEmbeddings.decodeResponse(answer)
        #expect(response.vectors == [[0.1, -2, 0.03]] && response.usage?.input == 4)
        let written = GeminiEmbeddings.encodeResponse(response, for: .embedContent)
        #expect(written["embedding"]?["values"]?.text == "[0.1,-2.0,0.03]")
        #expect(written["usageMetadata"]?["promptTokenCount"]?.int == 4)
    }

    @Test func contentsOfSeveralPartsStayWhole() throws {
        let body = try JSONValue(
            parsing: #"""
                {"requests":[{"content":{"parts":[{"text":"a"},{"text":"b"}]},"autoTruncate":true},
                 {"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"AA=="}}]},"autoTruncate":true},
                 {"content":{"parts":[{"text":"c"}]},"autoTruncate":true}]}
                """#.utf8)
        let request = try GeminiEmbeddings.decodeRequest(body)
        let picture = Media(.base64("AA=="), mediaType: "image/png")
        #expect(request.inputs == [.text("a\nb"), .image(picture), .text("c")])
        #expect(request.extensions.foreign(to: .cohere) == ["content.parts"])
        let target = TargetTraits(kind: "gemini", model: "")
        #expect(body.difference(from: try GeminiEmbeddings.encodeRequest(request, for: target).encoded.body) == nil)
        let batch = try #require(request.batches(of: 2).last)
        #expect(throws: GatehouseError.self) { try GeminiEmbeddings.encodeRequest(batch, for: target) }
    }

    @Test(arguments: [
        (#"{"requests":[]}"#, "requests"), (#"{"requests":[{}]}"#, "requests[0].content"), (#"{}"#, "content"),
        (#"{"content":{}}"#, "content.parts"),
        (#"{"requests":[{"content":{"parts":[]}},{"content":{"parts":[]},"title":"t"}]}"#, "requests[1]"),
        (
            #"{"requests":[{"content":{"parts":[]},"taskType":"X"},{"content":{"parts":[]},"taskType":"Y"}]}"#,
            "requests[1]"
        ),
    ])
    func wrongFieldsAreNamed(text: String, field: String) throws {
        let body = try JSONValue(parsing: text.utf8)
        #expect { try GeminiEmbeddings.decodeRequest(body) } throws: { ($0 as? GatehouseError)?.param == field }
    }
}
