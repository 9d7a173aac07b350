import GatehouseCore
import GatehouseTesting
import NIOCore
import Testing

/// Each vendor's arithmetic, read into one and written in any other.
@Suite struct UsageTests {
    private static let identity = AnswerIdentity(call: "1", model: "m", created: 5)

    /// A whole answer of a dialect around its usage.
    private static func answer(_ dialect: Dialect, usage: String) throws -> CanonicalResponse {
        let body =
            switch dialect {
            case .openAIChat:
                #"{"choices":[{"index":0,"message":{"content":"a"},"finish_reason":"stop"}],"usage":\#(usage)}"#
            case .openAIResponses:
                #"{"status":"completed","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","#
                    + #""text":"a","annotations":[]}]}],"usage":\#(usage)}"#
            case .anthropic:
                #"{"type":"message","role":"assistant","content":[{"type":"text","text":"a"}],"#
                    + #""stop_reason":"end_turn","usage":\#(usage)}"#
            case .gemini:
                #"{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}],"usageMetadata":\#(usage)}"#
            default:
                #"{"output":{"message":{"role":"assistant","content":[{"text":"a"}]}},"stopReason":"end_turn","#
                    + #""usage":\#(usage)}"#
            }
        return try dialect.codec.decodeResponse(JSONValue(parsing: body.utf8))
    }

    /// The object that a caller of `dialect` sees of a foreign usage.
    private static func written(_ answer: CanonicalResponse, _ dialect: Dialect) -> JSONValue? {
        let body = dialect.codec.encodeResponse(answer, as: identity)
        return body["usage"] ?? body["usageMetadata"]
    }

    /// 1000 read, of which 600 came from the cache and 100 went to it; 50 written, of which 20 are thoughts.
    private static let sameInEachArithmetic: [(Dialect, String)] = [
        (
            .openAIChat,
            #"{"prompt_tokens":1000,"completion_tokens":50,"total_tokens":1050,"prompt_tokens_details":{"#
                + #""cached_tokens":600,"cache_write_tokens":100},"completion_tokens_details":{"reasoning_tokens":20}}"#
        ),
        (
            .openAIResponses,
            #"{"input_tokens":1000,"input_tokens_details":{"cached_tokens":600,"cache_write_tokens":100},"#
                + #""output_tokens":50,"output_tokens_details":{"reasoning_tokens":20},"total_tokens":1050}"#
        ),
        (
            .anthropic,
            #"{"input_tokens":300,"cache_creation_input_tokens":100,"cache_read_input_tokens":600,"output_tokens":50,"#
                + #""output_tokens_details":{"thinking_tokens":20}}"#
        ),
    ]

    @Test func cachedTokensAreCountedOnceInEachArithmetic() throws {
        for (vendor, usage) in Self.sameInEachArithmetic {
            let read = try Self.answer(vendor, usage: usage)
            #expect(read.finish.usage?.counts == [1000, 50, 600, 20, 100, 0, 0, 0], "\(vendor)")
            for (caller, expected) in Self.sameInEachArithmetic {
                let seen = Self.written(read, caller)
                let wanted = try JSONValue(parsing: expected.utf8)
                #expect(seen.flatMap { wanted.difference(from: $0) } == nil, "\(vendor) to \(caller)")
            }
            let gemini = Self.written(read, .gemini)
            #expect(gemini?["promptTokenCount"]?.int == 1000 && gemini?["cachedContentTokenCount"]?.int == 600)
            #expect(gemini?["candidatesTokenCount"]?.int == 30 && gemini?["thoughtsTokenCount"]?.int == 20)
            #expect(gemini?["totalTokenCount"]?.int == 1050)
        }
    }

    @Test func aCacheLargerThanTheNewInputLeavesNothingNegative() throws {
        let read = try Self.answer(
            .anthropic, usage: #"{"input_tokens":56322,"cache_read_input_tokens":72960,"output_tokens":1}"#)
        #expect(read.finish.usage?.input == 129_282 && read.finish.usage?.uncachedInput == 56_322)
        #expect(Self.written(read, .openAIChat)?["prompt_tokens"]?.int == 129_282)
        // A vendor that contradicts itself.
        let odd = try Self.answer(
            .openAIResponses,
            usage: #"{"input_tokens":5,"output_tokens":1,"#
                + #""input_tokens_details":{"cached_tokens":9}}"#)
        #expect(Self.written(odd, .anthropic)?["input_tokens"]?.int == 0)
    }

    @Test func theLivesOfACacheAreCountedApart() throws {
        let read = try Self.answer(
            .anthropic,
            usage: #"{"input_tokens":1,"cache_creation_input_tokens":30,"output_tokens":1,"cache_creation":"#
                + #"{"ephemeral_5m_input_tokens":10,"ephemeral_1h_input_tokens":20}}"#)
        #expect(read.finish.usage?.cacheWrite == 10 && read.finish.usage?.cacheWriteHour == 20)
        let bedrock = Self.written(read, .bedrock)
        #expect(bedrock?["cacheDetails"]?.text == #"[{"ttl":"1h","inputTokens":20},{"ttl":"5m","inputTokens":10}]"#)
        let again = try Self.answer(.bedrock, usage: try #require(bedrock).text)
        #expect(again.finish.usage?.counts == read.finish.usage?.counts)
    }

    @Test func kindsOfTokensAreNotAddedToTheirSum() throws {
        let image =
            #"{"prompt_tokens":500,"completion_tokens":3,"prompt_tokens_details":"#
            + #"{"text_tokens":100,"image_tokens":400,"cached_tokens":450}}"#
        let grok = try #require(try Self.answer(.openAIChat, usage: image).finish.usage)
        #expect(grok.counts == [500, 3, 450, 0, 0, 0, 0, 0] && grok.uncachedInput == 50)
        let cached =
            #"{"promptTokenCount":500,"candidatesTokenCount":3,"cachedContentTokenCount":450,"#
            + #""promptTokensDetails":[{"modality":"TEXT","tokenCount":100},{"modality":"IMAGE","tokenCount":400}],"#
            + #""cacheTokensDetails":[{"modality":"TEXT","tokenCount":50},{"modality":"IMAGE","tokenCount":400}]}"#
        let gemini = try #require(try Self.answer(.gemini, usage: cached).finish.usage)
        #expect(gemini.counts == [500, 3, 450, 0, 0, 0, 0, 0])
    }

    /// Whatever a vendor counts, and however it contradicts itself: no caller sees a number below zero.
    @Test func noCountIsEverNegative() throws {
        var generator = SeededGenerator(seed: 46)
        func count() -> String {
            let counts = [0, 1, 7, 72_960, Int.max, -1, -72_960, Int.min]
            return "\(counts[Int.random(in: 0..<counts.count, using: &generator)])"
        }
        for round in 0..<300 {
            for (vendor, usage) in Self.sameInEachArithmetic + [(.gemini, Self.gemini), (.bedrock, Self.bedrock)] {
                let odd = usage.replacing(#/:\d+/#) { _ in ":" + count() }
                guard let read = try? Self.answer(vendor, usage: odd), let usage = read.finish.usage else { continue }
                #expect(usage.counts.allSatisfy { $0 >= 0 } && usage.uncachedInput >= 0, "\(round) \(odd)")
                for caller in CallerRule.callers + [.bedrock] where caller != vendor {
                    let seen = Self.written(read, caller)?.text ?? ""
                    #expect(!seen.contains(":-"), "\(round) \(odd) to \(caller): \(seen)")
                }
            }
        }
    }

    private static let gemini =
        #"{"promptTokenCount":9,"candidatesTokenCount":3,"thoughtsTokenCount":2,"cachedContentTokenCount":4,"#
        + #""toolUsePromptTokenCount":1,"totalTokenCount":15,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":2}]}"#
    private static let bedrock =
        #"{"inputTokens":9,"outputTokens":3,"totalTokens":12,"cacheReadInputTokens":4,"cacheWriteInputTokens":2,"#
        + #""cacheDetails":[{"ttl":"1h","inputTokens":1}]}"#
}
