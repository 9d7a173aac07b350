import GatehouseCore
import NIOCore
import Testing

@Suite struct JSONTests {
    @Test func readsEveryKindOfValue() throws {
        let value = try JSONValue(
            parsing: Array(#" {"a":[1,-0.5e+3,true,false,null],"b":{"":"x\u00e9\ud83d\ude00\n\/"}} "#.utf8))
        #expect(
            value
                == .object([
                    .init("a", .array([.number("1"), .number("-0.5e+3"), .bool(true), .bool(false), .null])),
                    .init("b", .object([.init("", .string("xé😀\n/"))])),
                ]))
        #expect(value["a"]?[1]?.double == -500)
        #expect(value["a"]?[0]?.int == 1)
        #expect(value["a"]?[9] == nil)
        #expect(value["missing"] == nil)
    }

    @Test func writesWhatItRead() throws {
        let text = #"{"n":1e400,"s":"\"\\\u0000\u001f é😀","l":[[],{}],"z":-0}"#
        let value = try JSONValue(parsing: Array(text.utf8))
        #expect(value.text == text)
        #expect(try JSONValue(parsing: Array(value.text.utf8)) == value)
    }

    @Test(arguments: [
        ("", JSONError.Kind.unexpectedEnd), ("{", .unexpectedEnd), ("[1,", .unexpectedEnd), (#""abc"#, .unexpectedEnd),
        ("[1 2]", .unexpectedByte), ("{1:2}", .unexpectedByte), (#"{"a" 1}"#, .unexpectedByte), ("nul", .unexpectedEnd),
        ("\u{FEFF}1", .unexpectedByte), ("1 1", .trailingBytes), ("01", .trailingBytes), ("-", .invalidNumber),
        ("1.", .invalidNumber), ("1e", .invalidNumber), (#""\x""#, .invalidEscape), (#""\u12g4""#, .invalidEscape),
        ("\"a\nb\"", .controlCharacter), (#""\ud800""#, .loneSurrogate), (#""\ud800\u0041""#, .loneSurrogate),
        (#"{"a":1,"a":2}"#, .duplicateKey),
    ])
    func refuses(text: String, kind: JSONError.Kind) {
        #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text.utf8)) }
        do throws(JSONError) {
            _ = try JSONValue(parsing: Array(text.utf8))
        } catch {
            #expect(error.kind == kind)
        }
    }

    @Test func refusesBrokenUTF8OnlyWhenStrict() throws {
        let bytes: [UInt8] = [0x22, 0x61, 0xC3, 0x22]
        #expect(throws: JSONError(.invalidUTF8, at: 1)) { try JSONValue(parsing: bytes) }
        #expect(try JSONValue(parsing: bytes, limits: .lenient) == .string("a\u{FFFD}"))
        #expect(try JSONValue(parsing: Array(#""\ud800x""#.utf8), limits: .lenient) == .string("\u{FFFD}x"))
        #expect(try JSONValue(parsing: Array(#"{"a":1,"a":2}"#.utf8), limits: .lenient)["a"] == .number("2"))
    }

    @Test func limitsDepthCountAndNumbers() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        _ = try JSONValue(parsing: nested(64))
        #expect(throws: JSONError(.tooDeep, at: 64)) { try JSONValue(parsing: nested(65)) }
        #expect(throws: JSONError(.tooDeep, at: 64)) { try JSONValue(parsing: nested(200_000)) }
        #expect(throws: JSONError(.tooManyValues, at: 5)) {
            try JSONValue(parsing: Array("[1,2,3]".utf8), limits: JSONLimits(values: 3))
        }
        #expect(throws: JSONError(.invalidNumber, at: 0)) {
            try JSONValue(parsing: Array(String(repeating: "1", count: 257).utf8))
        }
    }

    @Test func findsDuplicatesAmongManyNames() throws {
        let names = (0..<1000).map { "\"k\($0)\":\($0)" }
        let value = try JSONValue(parsing: Array("{\(names.joined(separator: ","))}".utf8))
        #expect(value["k999"]?.int == 999)
        let doubled = "{\((names + ["\"k500\":0"]).joined(separator: ","))}"
        #expect(throws: JSONError.self) { try JSONValue(parsing: Array(doubled.utf8)) }
    }

    /// Whatever is done to a document, parsing ends with a value or an error.
    @Test func survivesDamage() {
        let text = Array(#"{"a":[1,2.5e-3,{"b":"x\u00e9\\"}],"c":null,"d":[true,false],"e":"\ud83d\ude00"}"#.utf8)
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<20_000 {
            var bytes = text
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: bytes.indices, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            let strict = try? JSONValue(parsing: bytes.prefix(Int.random(in: 0...bytes.count, using: &generator)))
            guard let strict else { continue }
            #expect((try? JSONValue(parsing: Array(strict.text.utf8))) == strict)
        }
    }

    @Test func writerPutsCommasAndEscapes() {
        var json = JSONWriter(appendingTo: ByteBuffer(string: "data: "))
        json.beginObject()
        json.key("a\"b")
        json.beginArray()
        json.int(-1)
        json.double(.infinity)
        json.beginObject()
        json.endObject()
        json.endArray()
        json.key("t")
        json.string("tab\t\u{7F}")
        json.key("f")
        json.bool(false)
        json.endObject()
        #expect(String(buffer: json.buffer) == #"data: {"a\"b":[-1,null,{}],"t":"tab\t\u007f","f":false}"#)
    }
}
