import GatehouseCore
import Testing

/// No recording is left out in silence: each wire of the corpus has its laws, or a word why not.
@Suite(.enabled(if: Recording.corpus != nil, "the corpus ../shared/traffic is not there"))
struct WireCorpusTests {
    private static let lawful: Set = Set(
        Dialect.ofProviders.map(\.rawValue) + ["openai.embeddings", "cohere.embed", "other.embed"])

    private static let others = [
        "anthropic.batches": batches,
        "anthropic.complete": older,
        "anthropic.count_tokens": "Round trips in a test of their own: AnthropicCorpusTests.",
        "anthropic.models": lists,
        "bedrock.countTokens": "Not spoken: counts for Bedrock are not asked for.",
        "bedrock.invoke":
            "Titan's embeddings have their laws; for conversations Bedrock is spoken to by Converse.",
        "cloudflare.run": "Not spoken: Workers AI is reached in the dialect of chat.",
        "cohere.generate": older,
        "cohere.v1": older,
        "gemini.cachedContents": "Not spoken: contents kept at the vendor are none of the gateway's routes.",
        "gemini.countTokens": "Round trips in a test of their own: GeminiEmbeddingsTests.",
        "gemini.embedContent": "Round trips in a test of their own: GeminiEmbeddingsTests.",
        "gemini.interactions": "Not spoken: Gemini is reached by `generateContent`.",
        "gemini.models": lists,
        "huggingface.models": lists,
        "ollama.generate": older,
        "ollama.models": lists,
        "openai.audio": passed,
        "openai.batches": batches,
        "openai.conversations": "Not spoken: conversations kept at the vendor are none of the gateway's routes.",
        "openai.images": passed,
        "openai.models": lists,
        "openai.moderations": passed,
        "rerank": "Round trips and crossings in a test of their own: EmbeddingsCorpusTests.",
        "vertex.predict": "Not spoken: Vertex is reached by `generateContent`.",
    ]

    private static let batches = "Not spoken: batches are none of the gateway's routes."
    private static let older = "Not spoken: the vendor is reached by the API that came after it."
    private static let lists = "Lists of models: nothing of theirs is translated."
    private static let passed = "Passed on byte by byte: only the model's name and the usage are read."

    @Test func everyWireOfTheCorpusHasItsLawsOrAReason() {
        let found = Recording.wires
        #expect(Set(found.keys) == Self.lawful.union(Self.others.keys))
        Conformance.write(
            "wires",
            .array(
                Self.others.sorted { $0.key < $1.key }.map { wire, reason in
                    .object(["wire": .string(wire), "recordings": .int(found[wire] ?? 0), "reason": .string(reason)])
                }))
    }
}
