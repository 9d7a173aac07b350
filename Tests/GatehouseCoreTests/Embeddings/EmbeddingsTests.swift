import GatehouseCore
import NIOCore
import Testing

/// Embeddings between dialects.
@Suite struct EmbeddingsTests {
    private func request(_ text: String) throws -> EmbeddingsRequest {
        try OpenAIEmbeddings().decodeRequest(JSONValue(parsing: text.utf8))
    }

    private func answer(_ text: String) throws -> EmbeddingsResponse {
        try OpenAIEmbeddings().decodeResponse(ByteBuffer(string: text))
    }

    private let identity = AnswerIdentity(call: "call1", model: "m", created: 5)

    @Test func `base64 is 32-bit floats, little-endian`() throws {
        // 1.0 is 0000803F, -2.5 is 000020C0.
        let response = try answer(#"{"data":[{"index":0,"embedding":"AACAPwAAIMA="}]}"#)
        #expect(response.vectors == [[1, -2.5]])
        var request = try request(#"{"model":"m","input":"a","encoding_format":"base64"}"#)
        let body = OpenAIEmbeddings().encodeResponse(response, to: request, as: identity)
        #expect(try JSONValue(parsing: body.readableBytesView)["data"]?[0]?["embedding"] == .string("AACAPwAAIMA="))
        request.encoding = nil
        let plain = OpenAIEmbeddings().encodeResponse(response, to: request, as: identity)
        #expect(String(buffer: plain).contains(#""embedding":[1,-2.5]"#))
    }

    @Test(arguments: [
        "ZWxpZGVk", "AACAPwAAIMA=A", "AAC*", "AACAPwAAIM", "", "AADAfw==", "=",
    ]) func `what is no base64 of floats is a failure`(text: String) {
        #expect(throws: Failure.self) { try answer(#"{"data":[{"index":0,"embedding":"\#(text)"}]}"#) }
    }

    @Test func `every count of floats survives base64`() throws {
        for count in 1...9 {
            let vector = (0..<count).map { Float($0) * 0.3 - 1.1 }
            var request = EmbeddingsRequest(model: "m", inputs: [.text("a")])
            request.encoding = .base64
            let body = OpenAIEmbeddings().encodeResponse(
                EmbeddingsResponse(vectors: [vector]), to: request, as: identity)
            #expect(try OpenAIEmbeddings().decodeResponse(body).vectors == [vector])
        }
    }

    @Test func `vectors are put in the order of their indices`() throws {
        let response = try answer(#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]}"#)
        #expect(response.vectors == [[1], [2]])
    }

    @Test func `the encoding is never added, and passed on where it was given`() throws {
        let plain = try OpenAIEmbeddings().encodeRequest(request(#"{"model":"m","input":["a"]}"#)).body
        #expect(plain["encoding_format"] == nil)
        let asked = try request(#"{"model":"m","input":["a"],"encoding_format":"base64"}"#)
        #expect(try OpenAIEmbeddings().encodeRequest(asked).body["encoding_format"] == .string("base64"))
        #expect(try CohereEmbeddings().encodeRequest(asked).body["embedding_types"] == .array([.string("float")]))
    }

    @Test func `vectors must be as many and as long as was asked for`() throws {
        var request = try request(#"{"model":"m","input":["a","b"],"dimensions":2}"#)
        try EmbeddingsResponse(vectors: [[1, 2], [3, 4]]).check(against: request)
        for vectors: [[Float]] in [[[1, 2]], [[1, 2], [3]], [[1], [2]], [[1, 2, 3], [1, 2, 3]], [[], []]] {
            #expect(throws: Failure.self) { try EmbeddingsResponse(vectors: vectors).check(against: request) }
        }
        request.dimensions = nil
        try EmbeddingsResponse(vectors: [[1], [2]]).check(against: request)
        #expect(throws: Failure.self) { try EmbeddingsResponse(vectors: [[1], [2, 3]]).check(against: request) }
    }

    @Test func `a number beyond a float is a failure, not infinity`() {
        #expect(throws: Failure.self) { try answer(#"{"data":[{"index":0,"embedding":[1e39]}]}"#) }
    }

    @Test func `rows of numbers within strings are text`() throws {
        let response = try answer(#"{"note":"[1,2] \"[3]","data":[{"index":0,"embedding":[ 0.5 , -1e-3 ]}]}"#)
        #expect(response.vectors == [[0.5, -0.001]])
        #expect(response.extensions[.openAIChat, "note"] == .string(#"[1,2] "[3]"#))
    }

    @Test func `tokens go to those who take them, and are refused by name elsewhere`() throws {
        let single = try request(#"{"model":"m","input":[1,2,3]}"#)
        #expect(single.inputs == [.tokens([1, 2, 3])])
        #expect(try OpenAIEmbeddings().encodeRequest(single).body["input"]?.text == "[1,2,3]")
        let many = try request(#"{"model":"m","input":[[1],[2,3]]}"#)
        #expect(try OpenAIEmbeddings().encodeRequest(many).body["input"]?.text == "[[1],[2,3]]")
        let others: [any EmbeddingsCodec] = [CohereEmbeddings(), OllamaEmbeddings(), TitanEmbeddings()]
        for codec in others {
            #expect(throws: GatehouseError.self) { try codec.encodeRequest(single) }
        }
    }

    @Test(arguments: [
        (#"{"input":"a"}"#, "model"), (#"{"model":"m"}"#, "input"), (#"{"model":"m","input":[]}"#, "input"),
        (#"{"model":"m","input":["a",{}]}"#, "input[1]"), (#"{"model":"m","input":[[-1]]}"#, "input[0]"),
        (#"{"model":"m","input":"a","encoding_format":"hex"}"#, "encoding_format"),
        (#"{"model":"m","input":"a","dimensions":0}"#, "dimensions"),
    ]) func `errors name the field`(body: String, param: String) {
        let error = #expect(throws: GatehouseError.self) { try request(body) }
        #expect(error?.param == param)
    }

    @Test func `a request for OpenAI becomes one for the others`() throws {
        var request = try request(
            #"{"model":"m","input":"a","dimensions":256,"user":"u","input_type":"query","truncation":false}"#)
        request.model = "embed-v4.0"
        let cohere = try CohereEmbeddings().encodeRequest(request)
        #expect(
            cohere.body.sorted.text
                == #"{"embedding_types":["float"],"input_type":"search_query","model":"embed-v4.0","#
                + #""output_dimension":256,"texts":["a"]}"#
        )
        #expect(cohere.dropped == ["user", "truncation"])
        let bedrock = try CohereEmbeddings(hasModel: false).encodeRequest(request)
        #expect(bedrock.body["model"] == nil)
        let ollama = try OllamaEmbeddings().encodeRequest(request)
        #expect(ollama.body.sorted.text == #"{"dimensions":256,"input":["a"],"model":"embed-v4.0"}"#)
        #expect(ollama.dropped == ["input_type", "user", "truncation"])
        let titan = try TitanEmbeddings().encodeRequest(request)
        #expect(titan.body.sorted.text == #"{"dimensions":256,"inputText":"a"}"#)
    }

    @Test func `kinds of numbers that only Cohere has stay with Cohere`() throws {
        let body = #"{"model":"m","texts":["a"],"input_type":"clustering","embedding_types":["int8","ubinary"]}"#
        let request = try CohereEmbeddings().decodeRequest(JSONValue(parsing: body.utf8))
        #expect(request.numberTypes == ["int8", "ubinary"])
        #expect(throws: GatehouseError.self) { try OpenAIEmbeddings().encodeRequest(request) }
        let answer =
            #"{"id":"1","embeddings":{"int8":[[-3,127]],"ubinary":[[255]]},"response_type":"embeddings_by_type"}"#
        let response = try CohereEmbeddings().decodeResponse(ByteBuffer(string: answer))
        try response.check(against: request)
        let again = CohereEmbeddings().encodeResponse(response, to: request, as: identity)
        #expect(String(buffer: again) == answer)
    }

    @Test func `Titan takes one text, so that many are asked one by one`() throws {
        let request = try request(#"{"model":"m","input":["a","b","c"]}"#)
        #expect(throws: GatehouseError.self) { try TitanEmbeddings().encodeRequest(request) }
        let batches = request.batches(of: TitanEmbeddings().maximumInputs)
        #expect(
            try batches.map { try TitanEmbeddings().encodeRequest($0).body["inputText"]?.string } == ["a", "b", "c"])
        let answers = try (1...3).map { number in
            try TitanEmbeddings().decodeResponse(
                ByteBuffer(string: #"{"embedding":[\#(number),0.5],"inputTextTokenCount":\#(number)}"#))
        }
        let joined = try #require(EmbeddingsResponse(joining: answers))
        try joined.check(against: request)
        #expect(joined.vectors == [[1, 0.5], [2, 0.5], [3, 0.5]])
        #expect(joined.usage?.input == 6)
    }

    @Test func `an error inside an answer keeps its class`() {
        let ollama = #expect(throws: Failure.self) {
            try OllamaEmbeddings().decodeResponse(
                ByteBuffer(string: #"{"error":"model \"x\" not found, try pulling it"}"#))
        }
        #expect(ollama?.kind == .modelUnknown)
        let cohere = #expect(throws: Failure.self) {
            try CohereEmbeddings().decodeResponse(ByteBuffer(string: #"{"message":"too many tokens: size limit"}"#))
        }
        #expect(cohere?.kind == .contextLength)
        let cut = #expect(throws: Failure.self) {
            try OpenAIEmbeddings().decodeResponse(ByteBuffer(string: #"{"data":[{"embedding":[1,2"#))
        }
        #expect(cut?.kind == .protocol)
    }

    @Test func `documents come back to callers who want them`() throws {
        let body = #"{"model":"m","query":"q","documents":["a",{"text":"b"}],"return_documents":true}"#
        let request = try RerankCodec.jina.decodeRequest(JSONValue(parsing: body.utf8))
        let sent = try RerankCodec.cohere.encodeRequest(request).body
        #expect(sent.sorted.text == #"{"documents":["a","b"],"model":"m","query":"q"}"#)
        let response = RerankResponse(results: [.init(index: 1, score: "0.9")])
        let answer = RerankCodec.jina.encodeResponse(response, to: request, as: identity)
        #expect(answer["results"]?[0]?["document"]?["text"] == .string("b"))
        let odd = RerankResponse(results: [.init(index: 2, score: "0.9")])
        #expect(throws: Failure.self) { try odd.check(against: request) }
    }
}
