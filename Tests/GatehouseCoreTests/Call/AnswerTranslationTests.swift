import GatehouseCore
import NIOCore
import Testing

/// Embeddings, counts of tokens and rankings between dialects, from the caller's request to the caller's answer.
@Suite struct AnswerTranslationTests {
    /// The target's request, and what the caller gets for the target's answer.
    private struct Exchange {
        let sent: JSONValue
        var dialogue: Dialogue

        init(
            _ operation: GatehouseCore.Operation, _ body: String, to wire: Dialect, model: String = "real"
        ) throws {
            let (encoded, answer) = try RequestTranslation.encode(
                JSONValue(parsing: body.utf8), operation, wire: wire, for: TargetTraits(kind: "", model: model))
            sent = encoded.body
            dialogue = Dialogue(operation, stream: false, to: .wire(wire)) { $0.translation = answer }
        }

        mutating func answer(_ body: String) -> JSONValue? {
            guard case .respond(let bytes) = dialogue.answer(body) else { return nil }
            return try? JSONValue(parsing: bytes.readableBytesView)
        }
    }

    private let embed = #"{"model":"alias","input":["a","b"]}"#

    @Test func embeddingsOfGeminiForOpenAI() throws {
        var exchange = try Exchange(.embeddings, embed, to: .gemini)
        #expect(exchange.sent["requests"]?.array?.count == 2)
        let answer = exchange.answer(#"{"embeddings":[{"values":[1,2]},{"values":[3,4.5]}]}"#)
        #expect(answer?["object"]?.string == "list" && answer?["model"]?.string == "alias")
        #expect(answer?["data"]?[1]?["embedding"] == .array([.number("3"), .number("4.5")]))
        #expect(answer?["data"]?[1]?["index"]?.int == 1)
    }

    @Test func embeddingsOfOpenAIForGemini() throws {
        let body = #"{"content":{"parts":[{"text":"a"}]}}"#
        var exchange = try Exchange(.embedContent, body, to: .openAIChat)
        #expect(exchange.sent["model"]?.string == "real")
        let answer = exchange.answer(
            #"{"data":[{"index":0,"embedding":[1,2]}],"usage":{"prompt_tokens":7,"total_tokens":7}}"#)
        #expect(answer?["embedding"]?["values"] == .array([.number("1.0"), .number("2.0")]))
        #expect(exchange.dialogue.machine.usage?.input == 7)
    }

    @Test func vectorsThatWereNotAskedForAreNoAnswer() throws {
        for body in [
            #"{"embeddings":[{"values":[1,2]}]}"#, #"{"embeddings":[{"values":[1,2]},{"values":[3]}]}"#, #"{}"#, "[",
        ] {
            var exchange = try Exchange(.embeddings, embed, to: .gemini)
            #expect(exchange.answer(body) == nil)
            #expect(exchange.dialogue.error?.code == .upstreamInvalidResponse, "\(body)")
        }
    }

    @Test func anErrorInsideKeepsItsClass() throws {
        var exchange = try Exchange(.embeddings, embed, to: .gemini)
        let body = #"{"error":{"code":429,"message":"secret","status":"RESOURCE_EXHAUSTED"}}"#
        #expect(exchange.answer(body) == nil)
        #expect(exchange.dialogue.error?.code.status == 429)
        #expect(exchange.dialogue.error?.message.contains("secret") == false)
    }

    @Test func onlyAsManyInputsAsTheTargetTakes() {
        let inputs = Array(repeating: #""a""#, count: 101).joined(separator: ",")
        #expect {
            try Exchange(.embeddings, #"{"model":"m","input":[\#(inputs)]}"#, to: .gemini)
        } throws: {
            ($0 as? GatehouseError)?.code == .unsupportedParameter && ($0 as? GatehouseError)?.param == "input"
        }
    }

    @Test func countsBothWays() throws {
        let messages = #"{"model":"alias","messages":[{"role":"user","content":"Hello"}]}"#
        var exchange = try Exchange(.countTokens, messages, to: .gemini)
        #expect(exchange.sent["contents"]?[0]?["parts"]?[0]?["text"]?.string == "Hello")
        #expect(exchange.answer(#"{"totalTokens":12}"#) == .object(["input_tokens": .int(12)]))
        #expect(exchange.dialogue.machine.usage == nil, "counting uses nothing")
        let contents = #"{"contents":[{"role":"user","parts":[{"text":"Hello"}]}]}"#
        var other = try Exchange(.geminiCountTokens, contents, to: .anthropic)
        #expect(other.sent["model"]?.string == "real" && other.sent["max_tokens"] == nil)
        #expect(other.answer(#"{"input_tokens":12}"#) == .object(["totalTokens": .int(12)]))
        var broken = try Exchange(.geminiCountTokens, contents, to: .anthropic)
        #expect(broken.answer(#"{"tokens":12}"#) == nil)
        #expect(broken.dialogue.error?.code == .upstreamInvalidResponse)
    }

    @Test func rankingsAreToldAsTheServerTellsThem() throws {
        let body = #"{"model":"alias","query":"q","documents":["a","b"],"top_n":1}"#
        var exchange = try Exchange(.rerank, body, to: .openAIChat)
        #expect(exchange.sent["model"]?.string == "real" && exchange.sent["top_n"]?.int == 1)
        let answer = exchange.answer(
            #"{"model":"j","usage":{"total_tokens":9},"results":[{"index":1,"relevance_score":0.9}]}"#)
        #expect(answer?["results"]?[0]?["index"]?.int == 1)
        #expect(answer?["results"]?[0]?["relevance_score"]?.numberText == "0.9")
        #expect(answer?["usage"]?["total_tokens"]?.int == 9 && answer?["meta"] == nil)
        var odd = try Exchange(.rerank, body, to: .openAIChat)
        #expect(odd.answer(#"{"results":[{"index":2,"relevance_score":0.9}]}"#) == nil)
        #expect(odd.dialogue.error?.code == .upstreamInvalidResponse, "there is no third document")
    }

    @Test func whatCannotBeTranslatedIsRefused() {
        for operation in [GatehouseCore.Operation.images, .speech, .moderations, .transcriptions] {
            #expect {
                try Exchange(operation, #"{"model":"m","input":"x","prompt":"x"}"#, to: .gemini)
            } throws: {
                ($0 as? GatehouseError)?.code == .unsupportedParameter
            }
        }
    }
}
