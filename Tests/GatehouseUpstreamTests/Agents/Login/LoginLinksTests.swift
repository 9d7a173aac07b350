import GatehouseCore
import Testing

@testable import GatehouseUpstream

@Suite struct LoginLinksTests {
    private let long =
        "https://claude.ai/oauth/authorize?code=true&client_id=9d1c250a-e61b-44d9-88ed-5944d1962f5e"
        + "&response_type=code&redirect_uri=https%3A%2F%2Fconsole.anthropic.com%2Foauth%2Fcode%2Fcallback&scope=org%3A"
        + "create_api_key+user%3Aprofile&code_challenge=abcDEF_123-456&code_challenge_method=S256&state=xyz~1"

    private func url(_ text: String, columns: Int = 60, hosts: [String] = ["claude.ai"]) -> String? {
        var screen = TerminalScreen(columns: columns, height: 20)
        screen.feed(Array(text.utf8))
        return LoginLinks.url(on: screen, hosts: hosts)
    }

    /// Broken by the terminal, by the program at its edge, in a box, and in a box that is narrower than the terminal.
    @Test(arguments: [10, 33, 59, 60, 61, 80, 500])
    func aURLThatGoesOnIsPutTogether(columns: Int) {
        #expect(url("Visit:\r\n\(long)\r\nthen come back", columns: columns) == long)
    }

    private func pieces(_ width: Int) -> [String] {
        stride(from: 0, to: long.count, by: width).map { start in
            String(long.dropFirst(start).prefix(width))
        }
    }

    @Test(arguments: [20, 40, 56])
    func aURLInABoxIsPutTogether(width: Int) {
        let edge = String(repeating: "─", count: width + 2)
        let box = pieces(width).map { "│ " + $0 + String(repeating: " ", count: width - $0.count) + " │" }
        #expect(
            url(
                (["╭\(edge)╮"] + box + ["│ Paste code here: " + String(repeating: " ", count: 2) + "│", "╰\(edge)╯"])
                    .joined(separator: "\r\n")) == long)
    }

    @Test func aURLBrokenAtTheEdgeByTheProgramIsPutTogether() {
        #expect(url(pieces(60).joined(separator: "\r\n") + "\r\n\r\nPaste code here:") == long)
    }

    @Test func aURLEndsWhereItsTextEnds() {
        #expect(url("(see https://claude.ai/login).") == "https://claude.ai/login")
        #expect(url("https://claude.ai/a\r\nnext") == "https://claude.ai/a")
        #expect(url("\u{1B}[4mhttps://claude.ai/a\u{1B}[0m\u{1B}[31m.\u{1B}[0m") == "https://claude.ai/a")
    }

    @Test(arguments: [
        "http://claude.ai/a", "https://claude.ai.evil.org/a", "https://evilclaude.ai/a", "https://claude.ai@evil.org/a",
        "https://evil.org/https://claude.ai/", "https://claude.ai:8443/a", "https://evil.org\\@claude.ai/",
        "https:///claude.ai",
        "https://claude.ai%2eevil.org/", "javascript:https://", "https://user:pw@claude.ai/",
    ])
    func otherHostsAreNotGivenOut(text: String) {
        #expect(url(text) == nil)
        #expect(!LoginLinks.isAllowed(text, ["claude.ai"]))
    }

    @Test func whatIsAllowed() {
        for text in [
            "https://claude.ai", "https://claude.ai/", "https://CONSOLE.claude.ai/x?y#z", "https://claude.ai:443/",
        ] {
            #expect(LoginLinks.isAllowed(text, ["claude.ai"]))
        }
    }

    @Test func aCodeIsAWordOfItsOwn() {
        func code(_ text: String) -> String? {
            var screen = TerminalScreen(columns: 80, height: 20)
            screen.feed(Array(text.utf8))
            return LoginLinks.userCode(on: screen)
        }
        #expect(code("! First copy your one-time code: \u{1B}[1mABCD-1234\u{1B}[0m") == "ABCD-1234")
        #expect(code("Enter   7XYZ-K9QPL   within 15 minutes") == "7XYZ-K9QPL")
        for text in ["well-known", "client-9d1c250a-e61b", "ABC-123", "abcd-1234", "x-ABCD-1234"] {
            #expect(code(text) == nil)
        }
    }

    /// Whatever stands on a screen is looked through to its end.
    @Test(arguments: 0..<50)
    func nothingOnAScreenIsTooOdd(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let telling = Array("https://claude.ai/?a=\u{1B}[K\r\n│ ABCD-1234 日".utf8)
        var screen = TerminalScreen(columns: 13, height: 7)
        screen.feed((0..<2000).map { _ in telling.randomElement(using: &random) ?? 0 })
        _ = LoginLinks.userCode(on: screen)
        let url = LoginLinks.url(on: screen, hosts: ["claude.ai"])
        #expect(url.map { $0.hasPrefix("https://claude.ai") } ?? true)
    }
}
