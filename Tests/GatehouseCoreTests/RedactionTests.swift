import GatehouseCore
import Testing

@Suite struct RedactionTests {
    private let redaction = Redaction(
        secrets: [Secret("hunter2-longer"), Secret("hunter2"), Secret("ab")], homes: ["/home/ann/", "/"])

    @Test func takesOutWhatIsKnown() {
        #expect(redaction.clean("key=hunter2-longer, hunter2!") == "key=<secret>, <secret>!")
        #expect(redaction.clean(#"{"x":"xhunter2y"}"#) == #"{"x":"x<secret>y"}"#)
        // Too short to be told from ordinary text.
        #expect(redaction.clean("cab") == "cab")
    }

    @Test func takesOutTheHomeAndNothingThatOnlyBeginsLikeIt() {
        #expect(redaction.clean("/home/ann/.claude and /home/ann") == "<home>/.claude and <home>")
        #expect(redaction.clean("/home/anna/x /usr/bin") == "/home/anna/x /usr/bin")
    }

    @Test(arguments: [
        "sk-ant-api03-abcdefghij0123456789", "ghp_abcdefghij0123456789abcdefghij012345", "AIzaSyA0123456789abcdefghij",
        "ya29.a0AfH6SMBx-1234567890", "AKIAIOSFODNN7EXAMPLE", "gh-admin-0123456789abcdef0123456789abcdef",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P", "xoxb-123456789012-abcdef",
        "0123456789abcdef0123456789abcdef01234567", "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hJ6kM9nP2",
    ])
    func takesOutWhatLooksLikeAToken(_ token: String) {
        for text in ["\(token)", "\"\(token)\"", "\\n\(token) ", "(\(token))", "X=\(token)"] {
            let clean = redaction.clean("before \(text) after")
            #expect(!clean.contains(token), "\(clean)")
            #expect(clean.hasPrefix("before ") && clean.hasSuffix(" after") && clean.contains("<secret>"))
        }
    }

    @Test(arguments: [
        (#"{"refresh_token": "plainer words1"}"#, #"{"refresh_token": "<secret> words1"}"#),
        (#"{\"apiKey\":\"abcdefg\"}"#, #"{\"apiKey\":\"<secret>\"}"#),
        ("Authorization: Bearer abcdef", "Authorization: Bearer <secret>"),
        ("authorization: Basic dXNlcjpwYXNz", "authorization: Basic <secret>"),
        ("password=swordfish", "password=<secret>"), ("X_API_KEY=swordfish", "X_API_KEY=<secret>"),
        ("write to ann.lee+x@mail.example.org now", "write to <email> now"),
    ])
    func takesOutWhatIsAnnounced(_ text: String, _ clean: String) {
        #expect(redaction.clean(text) == clean)
    }

    @Test(arguments: [
        #"{"type":"result","session_id":"2aa2472d-f175-41f6-a5a9-fd4f42cc345a","usage":{"input_tokens":21580}}"#,
        "Token usage: 7 input, 5 output", "a token of friendship", "the secret garden", "/workspace/notes.md",
        "user@localhost", "claude-test-client-tool-hooks-create-tool-spans-80a8edc1", "Grüße, 世界 🌍", "toolu_01HXYZREAD",
        "--output-format stream-json --model anthropic/claude-sonnet-4.5", "",
    ])
    func leavesTheRestAsItIs(_ text: String) {
        #expect(redaction.clean(text) == text)
    }
}
