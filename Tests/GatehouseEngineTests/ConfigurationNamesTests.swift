import Testing

@testable import GatehouseEngine

@Suite struct ConfigurationNamesTests {
    @Test(arguments: [
        ("prot", "port"), ("PORT", "port"), ("porrt", "port"), ("por", "port"), ("trustedProxy", "trustedProxies"),
        ("opnai", "openai"), ("baseUrl", "baseURL"),
    ])
    func findsTheNearestName(_ written: String, _ expected: String) {
        let names = ["host", "port", "trustedProxies", "openai", "baseURL", "timeouts"]
        #expect(NearestName.to(written, among: names) == expected)
    }

    @Test(arguments: ["", "zzzzzz", "completelydifferent", String(repeating: "p", count: 100_000)])
    func makesNoWildGuess(_ written: String) {
        #expect(NearestName.to(written, among: ["port", "timeouts"]) == nil)
    }

    @Test(arguments: [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("kitten", "sitting", 3), ("abc", "ABC", 0)])
    func countsEdits(_ left: String, _ right: String, _ expected: Int) {
        #expect(NearestName.distance(Array(left.utf8), Array(right.utf8)) == expected)
        #expect(NearestName.distance(Array(right.utf8), Array(left.utf8)) == expected)
    }

    @Test(arguments: [
        ("server.port", "GATEHOUSE_SERVER_PORT"),
        ("server.limits.headerFields", "GATEHOUSE_SERVER_LIMITS_HEADER_FIELDS"),
        ("server.trustedProxies", "GATEHOUSE_SERVER_TRUSTED_PROXIES"), ("telemetry.otlp", "GATEHOUSE_TELEMETRY_OTLP"),
    ])
    func keysHaveVariables(_ path: String, _ expected: String) {
        let key = ConfigurationBuilder.keys().first { $0.path == path }
        #expect(key?.environmentName == expected)
    }

    @Test func variablesAreUnique() {
        let names = ConfigurationBuilder.keys().compactMap(\.environmentName)
        #expect(Set(names).count == names.count)
        #expect(ConfigurationBuilder.keys().first { $0.path == "providers[].name" }?.environmentName == nil)
    }

    @Test func aProblemIsOneLine() {
        let problem = ConfigurationProblem(path: "a\nb", message: "is\u{1B}[31m wrong", origin: .line(3))
        #expect(problem.description == "a?b: is?[31m wrong (line 3)")
    }

    @Test(arguments: [
        ("127.0.0.1", true), ("127.255.255.255", true), ("localhost", true), ("::1", true), ("[::1]", true),
        ("127.0.0", false), ("127.0.0.256", false), ("127.0.0.1.", false), ("127.1", false), ("0.0.0.0", false),
        ("::", false), ("", false), ("localhost.example", false), ("10.0.0.1", false), ("127.0.0.1x", false),
        ("2130706433", false), ("0x7f.0.0.1", false),
    ])
    func knowsLoopback(_ host: String, _ expected: Bool) {
        #expect(NetworkAddress.isLoopback(host) == expected)
    }

    @Test func takesLocationsApart() {
        let plain = HTTPLocation("https://api.example.com/v1")
        #expect(plain?.isSecure == true)
        #expect(plain?.host == "api.example.com")
        #expect(plain?.port == nil)
        #expect(plain?.path == "/v1")
        let six = HTTPLocation("http://[::1]:8080")
        #expect(six?.isSecure == false)
        #expect(six?.host == "::1")
        #expect(six?.port == 8080)
        #expect(six?.path == "")
    }

    @Test(arguments: [
        "", "api.example.com", "ftp://a", "https://", "https:///v1", "https://user@host", "https://user:pw@host/",
        "https://host?x", "https://host#x", "https://ho st", "https://host\n", "https://host:0", "https://host:65536",
        "https://host:", "https://host:x", "https://[::1", "https://[host]", "https://a\\b", "https://a]b",
    ])
    func refusesOtherLocations(_ text: String) {
        #expect(HTTPLocation(text) == nil)
    }

    @Test func settingGoesIntoTheTree() {
        var node = ConfigurationNode.map([("a", .map([("b", .text("1"))]))])
        node.set(.text("2"), at: ["a", "b"])
        node.set(.text("3"), at: ["a", "c"])
        node.set(.text("4"), at: ["x", "y", "z"])
        #expect(
            node
                == .map([
                    ("a", .map([("b", .text("2")), ("c", .text("3"))])),
                    ("x", .map([("y", .map([("z", .text("4"))]))])),
                ]))
    }
}
