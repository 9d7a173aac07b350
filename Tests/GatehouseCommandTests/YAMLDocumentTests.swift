import GatehouseEngine
import Testing

@testable import gatehouse

@Suite struct YAMLDocumentTests {
    @Test func keepsTheTextOfScalars() throws {
        let node = try YAMLDocument.parse("a: 010\nb: 10.00\nc: off\nd: ~\ne: \"~\"\nf:\ng: '1'\n").get()
        let expected: [(String, ConfigurationNode.Content)] = [
            ("a", .scalar(.init("010"))), ("b", .scalar(.init("10.00"))), ("c", .scalar(.init("off"))), ("d", .null),
            ("e", .scalar(.init("~"))), ("f", .null), ("g", .scalar(.init("1"))),
        ]
        guard case .map(let entries) = node.content else {
            Issue.record("not a group")
            return
        }
        #expect(entries.map(\.key) == expected.map(\.0))
        #expect(entries.map(\.value.content) == expected.map(\.1))
        #expect(entries.map(\.value.origin) == (1...7).map { .line($0) })
    }

    @Test func putsAliasesIn() throws {
        let node = try YAMLDocument.parse("a: &t { x: 1 }\nb: *t\n").get()
        guard case .map(let entries) = node.content else {
            Issue.record("not a group")
            return
        }
        #expect(entries[0].value.content == entries[1].value.content)
    }

    @Test(arguments: [
        ("a: [1", "is not YAML: did not find expected ',' or ']'"), ("a: *nope", "is not YAML: found undefined alias"),
        ("a: 1\na: 2", "repeats the key \"a\""), ("a: 1\n---\nb: 1", "is not YAML: but found another document"),
        ("? [a]\n: 1", "has a key that is not plain text"),
        ("a: \u{1}", "is not YAML: control characters are not allowed"),
        ("\ta: 1", "is not YAML: found character that cannot start any token"),
    ])
    func tellsWhatIsWrong(_ yaml: String, _ message: String) {
        #expect(problem(yaml)?.message == message)
    }

    @Test func isBoundedInDepth() {
        #expect(
            problem("a: " + String(repeating: "[", count: 500) + String(repeating: "]", count: 500))?.message
                == "is nested deeper than 16 levels")
        #expect(problem("a: " + String(repeating: "[", count: 300_000))?.message.hasPrefix("is not YAML: ") == true)
        #expect(problem(String(repeating: "- ", count: 300_000) + "x")?.message.hasPrefix("is not YAML: ") == true)
    }

    @Test func isBoundedInWhatAliasesMake() {
        var yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            yaml += "a\(level): &a\(level) [\(aliases)]\n"
        }
        #expect(problem(yaml)?.message == "has more than 50000 values, aliases included")
    }

    @Test(arguments: [
        "? *a9\n: 1", "? [*a9]\n: 1", "*a9 : 1", "*a9: 1", "[*a9]: 1", "{ x: *a9 } : 1", "k: { [*a9] : 1 }",
        "k: [ *a9 : 1 ]", "k: { ? *a9 : 1 }", "k:\n  *a9 : 1",
    ])
    func neverComparesAliasesInKeys(_ line: String) {
        var yaml = "a0: &a0 [x, x]\n"
        for level in 1...60 { yaml += "a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
        // Were it handed on, the comparison of its keys would not end in anybody's lifetime.
        yaml += line.replacing("*a9", with: "*a60") + "\n"
        #expect(problem(yaml)?.message == "uses an alias (*name) beside a key that is not plain text")
    }

    @Test(arguments: [
        "models: [\"*\", 'openai/*', openai/*]", "a: 2 * 3", "a: why? *", "a: [1]\nb: {c: 1}", "a: \"? x\"\nb: '*'",
        "a: *b*c",
    ])
    func takesPlainUses(_ yaml: String) {
        #expect(KeyAliasScan.line(of: yaml) == nil)
    }

    @Test func scansInLinearTime() {
        // Quadratic work on a million bytes would be noticed by whoever waits for it.
        for part in ["-*", "*-", "] ", "*a", ":*a", "? ", "} \t"] {
            _ = KeyAliasScan.line(of: "x: *a " + String(repeating: part, count: 300_000))
        }
    }

    @Test func isBoundedInSize() {
        let directory = TemporaryFiles()
        directory.write(Array(repeating: UInt8(ascii: "#"), count: TextFile.limit + 1), to: "big")
        #expect(TextFile.read(directory.path + "/big") == .failure(.init("is larger than 1MiB")))
        directory.write(Array(repeating: UInt8(ascii: "#"), count: TextFile.limit), to: "fits")
        #expect(throws: Never.self) { try TextFile.read(directory.path + "/fits").get() }
    }

    @Test func filesAreText() {
        let directory = TemporaryFiles()
        directory.write([0x61, 0xFF], to: "bytes")
        #expect(TextFile.read(directory.path + "/bytes") == .failure(.init("is not UTF-8")))
        #expect(TextFile.read(directory.path) == .failure(.init("cannot be read: Is a directory")))
        #expect(TextFile.read("") == .failure(.init("has no usable path")))
    }

    private func problem(_ yaml: String) -> ConfigurationProblem? {
        if case .failure(let problem) = YAMLDocument.parse(yaml) { problem } else { nil }
    }
}
