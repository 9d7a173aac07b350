import GatehouseCore
import NIOCore

/// The most that an attempt can cost, before anything of it is known but the request.
///
/// A token is at least a byte of what is sent, so that a request never has more tokens than bytes. Pictures and documents
/// that are named by an address only, and tools that the vendor runs, can make it more.
enum WorstCase {
    /// Tokens that a model may write where neither the caller nor the price list says how many.
    static let usualOutput = 131_072
    private static let maximumAnswers = 1000

    struct Bounds: Equatable {
        var input: Int
        var output: Int
    }

    /// - Parameter bytes: Of the request as it goes out.
    static func bounds(of request: CallRequest, _ head: CallHead, bytes: Int, price: Price?) -> Bounds {
        switch request.operation.surface {
        case .tokenCount: return Bounds(input: 0, output: 0)
        case .embeddings, .moderation, .rerank: return Bounds(input: bytes, output: 0)
        case .generation, .images, .speech, .transcription, .translation: break
        }
        let document = request.contentType == nil ? try? JSONValue(parsing: request.body.readableBytesView) : nil
        let limit = outputLimit(document) ?? head.maxTokens ?? price?.maxOutput ?? usualOutput
        let (output, overflow) = max(0, limit).multipliedReportingOverflow(by: answers(document))
        return Bounds(input: bytes, output: overflow ? .max : output)
    }

    /// The limit under each dialect's name for it; the highest of several.
    private static func outputLimit(_ document: JSONValue?) -> Int? {
        let configuration = document?["generationConfig"] ?? document?["generation_config"]
        let told = [
            document?["max_completion_tokens"], document?["max_tokens"], document?["max_output_tokens"],
            configuration?["maxOutputTokens"], configuration?["max_output_tokens"],
        ].compactMap { $0?.count }
        return told.max()
    }

    /// How many answers are asked for; each has its own limit.
    private static func answers(_ document: JSONValue?) -> Int {
        let configuration = document?["generationConfig"] ?? document?["generation_config"]
        let told = [
            document?["n"], document?["best_of"], configuration?["candidateCount"], configuration?["candidate_count"],
        ].compactMap { $0?.count }
        return max(1, min(told.max() ?? 1, maximumAnswers))
    }
}
