/// Recordings with status 200 that are no answers, and what they are instead. The laws expect that reading each of them
/// fails.
enum NoAnswers {
    static let reasons = [
        "anthropic--anthropic-messages--stream--spliced-message-start--373650d8":
            "made by hand: a second message begins in the middle of the first, which is a failure",
        "azure-openai--openai-responses--json--azure-deepseek-reasoning-1--bdf5cb96":
            "the provider answered in the dialect of chat, which is a failure",
        "groq--openai-chat--stream--test-tool-use-failed-error--49cf806c":
            "the stream ends with an error event: the model called a function with wrong arguments",
        "openai--openai-chat--stream--genstream-stop--15e6f7ee":
            "the stream is an error event: the limit on tokens was met",
        "openrouter--openai-chat--stream--test-openrouter-error--9dd3c3fd":
            "the stream is an error event: the limit on tokens was met",
        "openai--openai-completions--json--usage-completions--04ff547d":
            "a report on usage from the administration API",
        "gemini--gemini-generateContent--json--test-gemini-tool-returning-float--c2227fd9":
            "one empty text: that is the failure `empty`, so that another try may say something",
        "openai-compatible-local--openai-embeddings--json--test-embeddings-context-propagation--156a2ae8":
            "the answer was cut for the corpus: what stands in it is no vector",
        "openai--openai-responses--stream--openai-error-1--4e29682e":
            "the stream ends with an error event: the account has no money left",
    ]
}
