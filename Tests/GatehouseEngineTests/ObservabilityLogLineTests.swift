import GatehouseCore
import Logging
import Testing

@testable import GatehouseEngine

@Suite struct ObservabilityLogLineTests {
    private func event(
        _ message: String, level: Logger.Level = .info, error: (any Error)? = nil
    ) -> LogEvent {
        LogEvent(
            level: level, message: "\(message)", error: error, metadata: nil, source: "s", file: "f", function: "g",
            line: 1)
    }

    private func json(_ message: String, _ metadata: Logger.Metadata = [:], error: (any Error)? = nil) throws
        -> JSONValue
    {
        let line = LogLine.render(event(message, error: error), label: "test", metadata: metadata, form: .json)
        #expect(line.last == 0x0A)
        #expect(line.count { $0 == 0x0A } == 1)
        return try JSONValue(parsing: line)
    }

    private func console(_ message: String, _ metadata: Logger.Metadata = [:], colour: Bool = false) -> String {
        let line = LogLine.render(
            event(message, level: .warning), label: "test", metadata: metadata, form: .console(colour: colour))
        return String(decoding: line, as: UTF8.self)
    }

    @Test func isOneJSONObject() throws {
        let value = try json("hello", ["b": "2", "a": "1"])
        #expect(value.object?.map(\.key) == ["time", "level", "label", "message", "a", "b"])
        #expect(value["level"]?.string == "info")
        #expect(value["label"]?.string == "test")
        #expect(value["message"]?.string == "hello")
        let time = try #require(value["time"]?.string)
        #expect(time.utf8.count == 24)
        #expect(time.hasSuffix("Z"))
    }

    @Test(arguments: ["\"\\\n\r\t\u{0}\u{1F}\u{7F}", "a\u{2028}b", "😀", "{\"level\":\"x\"}", ""])
    func keepsAnyTextApart(_ text: String) throws {
        let value = try json(text, ["key \"\n": "\(text)"])
        #expect(value["message"]?.string == text)
        #expect(value["key \"\n"]?.string == text)
    }

    @Test func flattensGroupsAndLists() throws {
        let value = try json("m", ["a": ["b": ["c": "1"]], "l": ["x", ["k": "y"]]])
        #expect(value["a.b.c"]?.string == "1")
        #expect(value["l.0"]?.string == "x")
        #expect(value["l.1.k"]?.string == "y")
    }

    @Test func ownMembersAreNotThereTwice() throws {
        let value = try json("m", ["message": "other", "time": "never"])
        #expect(value["message"]?.string == "m")
        #expect(value["metadata.message"]?.string == "other")
        #expect(value["metadata.time"]?.string == "never")
    }

    @Test func namesTheError() throws {
        #expect(try json("m", error: Failure(.busy, detail: "d"))["error"]?.string?.contains("busy") == true)
    }

    @Test func isBounded() throws {
        let long = String(repeating: "é", count: 100_000)
        let value = try json(long, ["k": "\(long)"])
        #expect(try #require(value["message"]?.string).utf8.count < 2 * LogLine.longestText)
        var deep: Logger.MetadataValue = "x"
        for _ in 0..<100 { deep = ["k": deep] }
        #expect(try json("m", ["deep": deep])["deep.k.k.k.k"]?.string == "…")
        let many = Dictionary(uniqueKeysWithValues: (0..<1000).map { ("k\($0)", Logger.MetadataValue.string("v")) })
        #expect(try #require(try json("m", many).object).count == 4 + LogLine.mostFields)
    }

    @Test func consoleIsShort() {
        let line = console("hello", ["key": "a b", "x": "1"])
        #expect(line.dropFirst(12) == " warning  test: hello key=\"a b\" x=1\n")
    }

    @Test func colourIsForTerminalsOnly() {
        #expect(console("m", colour: true).contains("\u{1B}[33mwarning \u{1B}[0m"))
        #expect(!console("m").contains("\u{1B}"))
    }

    @Test func noTextReachesTheTerminalAsACommand() {
        let line = console("a\u{1B}[2J\n\r\u{9B}31m\u{202E}b", ["k\n": "v\u{7}"])
        let control = line.dropLast().unicodeScalars.filter { $0.value < 0x20 || (0x7F..<0xA0).contains($0.value) }
        #expect(control.isEmpty)
        #expect(line.contains("a\\u{1b}[2J\\n\\r\\u{9b}31m\\u{202e}b"))
    }

    @Test(arguments: [
        (0, 0, "1970-01-01T00:00:00.000Z"), (1_795_388_274, 120, "2026-11-22T22:57:54.120Z"),
        (951_782_400, 999, "2000-02-29T00:00:00.999Z"), (4_107_542_399, 0, "2100-02-28T23:59:59.000Z"),
        (-1, 0, "1969-12-31T23:59:59.000Z"), (253_402_300_799, 999, "9999-12-31T23:59:59.999Z"),
        (Int.max, 5000, "9999-12-31T23:59:59.999Z"), (Int.min, -1, "0000-01-01T00:00:00.000Z"),
    ])
    func writesTimes(_ seconds: Int, _ milliseconds: Int, _ expected: String) {
        #expect(Timestamp.rfc3339(seconds: seconds, milliseconds: milliseconds) == expected)
    }

    @Test func loggersShareASinkAndALevel() throws {
        let output = MemoryOutput()
        let system = LogSystem(output: output, form: .json, level: .warning)
        var first = Logger(label: "one") { system.handler(label: $0) }
        let second = Logger(label: "two") { system.handler(label: $0) }
        first[metadataKey: "a"] = "1"
        first.info("unseen")
        first.warning("seen", metadata: ["b": "2"])
        system.level = .debug
        second.debug("now seen")
        first.logLevel = .critical
        first.error("own level")
        second.debug("still seen")
        system.sink.close()
        let lines = try output.lines.map { try JSONValue(parsing: Array($0.utf8)) }
        #expect(lines.map { $0["message"]?.string } == ["seen", "now seen", "still seen"])
        #expect(lines[0]["a"]?.string == "1")
        #expect(lines[0]["b"]?.string == "2")
        #expect(lines[1]["a"] == nil)
        #expect(lines[1]["label"]?.string == "two")
    }
}
