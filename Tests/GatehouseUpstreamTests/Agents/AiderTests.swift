import GatehouseCore
import GatehouseUpstream
import Testing

/// What Aider 0.79 and 0.86 print, as it was seen.
@Suite struct AiderTests {
    private static let greeting = """
        Detected dumb terminal, disabling fancy input and pretty output.

        Aider v0.79.2
        Model: openai/gatehouse/echo with ask edit format
        Git repo: none
        Repo-map: disabled


        """

    @Test func theAnswerIsBetweenGreetingAndTokens() throws {
        let text = Self.greeting + "# Title\n\nTokens: are counted\n\n- one\n\nTokens: 1.2k sent, 14 received.\n"
        let reading = try read(.aider, text)
        #expect(reading.text == "# Title\n\nTokens: are counted\n\n- one")
        #expect(reading.finish?.usage == Usage(input: 1200, output: 14))
    }

    @Test(arguments: [
        (
            "litellm.NotFoundError: NotFoundError: OpenAIException - There is no such model \nhere.",
            Failure.Kind.modelUnknown
        ),
        ("litellm.AuthenticationError: AuthenticationError: OpenAIException - The API key \nis missing.", .auth),
        ("litellm.RateLimitError: RateLimitError: slow down", .rate),
        ("litellm.APIConnectionError: nobody there", .upstream), ("litellm.OddError: what", .failed),
    ])
    func anErrorIsNoAnswerThoughItEndsWell(_ text: String, _ kind: Failure.Kind) throws {
        let reading = try read(.aider, Self.greeting + text + "\n")
        #expect(reading.failure?.kind == kind)
        #expect(reading.text.isEmpty)
    }

    @Test func whatIsCutIsNoAnswer() throws {
        #expect(try read(.aider, Self.greeting + "half an ans").failure?.kind == .truncated)
        #expect(try read(.aider, Self.greeting).failure?.kind == .empty)
        #expect(try read(.aider, "").failure?.kind == .empty)
    }

    @Test func aModelCannotMakeAnError() throws {
        let text = Self.greeting + "litellm.AuthenticationError: is what you see\n\nTokens: 5 sent, 6 received.\n"
        #expect(try read(.aider, text).text == "litellm.AuthenticationError: is what you see")
    }
}
