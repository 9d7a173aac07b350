import GatehouseCore
import GatehouseStore
import Testing

@Suite struct MemoryKeyStoreTests {
    private let store = MemoryKeyStore([
        (VirtualKey(name: "admin", role: .admin, models: [ModelPattern("*")]), Secret("gh-admin-0123456789")),
        (VirtualKey(name: "ci", role: .member, models: [ModelPattern("openai/*")]), Secret("gh-ci-secret")),
        (VirtualKey(name: "twin", role: .member, models: []), Secret("gh-ci-secret")),
        (VirtualKey(name: "hollow", role: .admin, models: []), Secret("")),
    ])

    @Test func findsTheHolderOfATokenAndNobodyElse() {
        #expect(store.principal(forToken: "gh-admin-0123456789")?.name == "admin")
        #expect(store.principal(forToken: "gh-admin-0123456789")?.isAdmin == true)
        #expect(store.principal(forToken: "gh-ci-secret")?.name == "ci")
        #expect(store.principal(forToken: "gh-ci-secret")?.isAdmin == false)
    }

    @Test(arguments: [
        "", " ", "gh-ci-secre", "gh-ci-secret ", " gh-ci-secret", "GH-CI-SECRET", "gh-ci-secret\u{0}", "gh-ci-secreT",
        "gh-admin-0123456789gh-ci-secret", "<redacted>", "admin", "ci",
    ])
    func knowsNoOtherToken(_ token: String) {
        #expect(store.principal(forToken: token) == nil)
    }

    @Test func findsATokenInsideAHeader() {
        let header = "Bearer gh-ci-secret"
        #expect(store.principal(forToken: header.dropFirst("Bearer ".count))?.name == "ci")
    }

    @Test func takesTokensOfAnyLength() {
        for length in [1, 31, 32, 55, 56, 63, 64, 65, 4096] {
            let token = String(repeating: "k", count: length)
            let store = MemoryKeyStore([(VirtualKey(name: "n", role: .member, models: []), Secret(token))])
            #expect(store.principal(forToken: token)?.name == "n")
            #expect(store.principal(forToken: token + "k") == nil)
            #expect(store.principal(forToken: token.dropLast()) == nil)
        }
    }

    @Test func keepsNoTokenThatCouldBePrinted() {
        var text = ""
        dump(store, to: &text)
        #expect(!text.contains("gh-ci-secret"))
        #expect(text.contains("ci"))
    }
}
