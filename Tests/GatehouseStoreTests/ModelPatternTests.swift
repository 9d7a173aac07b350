import GatehouseCore
import Testing

@Suite struct ModelPatternTests {
    @Test(arguments: [
        ("*", "openai/gpt-4o", true), ("*", "", true), ("openai/*", "openai/gpt-4o", true),
        ("openai/*", "openai/", true),
        ("openai/*", "openai", false), ("openai/*", "azure/openai/x", false), ("fast", "fast", true),
        ("fast", "faster", false), ("fast", "fas", false), ("fast*", "faster", true), ("FAST", "fast", false),
        ("a*b", "axb", false), ("a*b", "a*b", true), ("", "", true), ("", "x", false),
        // Two spellings of é, which a provider tells apart.
        ("caf\u{E9}", "cafe\u{301}", false),
    ])
    func matches(_ pattern: String, _ model: String, _ expected: Bool) {
        #expect(ModelPattern(pattern).matches(model) == expected)
    }

    @Test func aPrincipalMayUseWhatAnyPatternMatches() {
        let key = VirtualKey(name: "ci", role: .member, models: [ModelPattern("fast"), ModelPattern("openai/*")])
        let principal = Principal(key: key)
        #expect(principal.mayUse(model: "fast"))
        #expect(principal.mayUse(model: "openai/gpt-4o"))
        #expect(!principal.mayUse(model: "slow"))
        #expect(!Principal(key: VirtualKey(name: "none", role: .admin, models: [])).mayUse(model: "fast"))
    }
}
