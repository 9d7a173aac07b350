import GatehouseCore
import GatehouseTesting
import NIOCore
import Testing

@Suite struct JSONScannerTests {
    private func scan(_ text: String) -> JSONSyntaxError.Kind? {
        let buffer = ByteBuffer(string: text)
        let bytes = buffer.readableBytesUInt8Span
        do throws(JSONSyntaxError) {
            var index = 0
            var keys: JSONKeyTracker? = JSONKeyTracker()
            try JSONScanner.skipValue(bytes, &index, keys: &keys)
            JSONScanner.skipSpace(bytes, &index)
            return index == bytes.count ? nil : .trailingBytes
        } catch {
            return error.kind
        }
    }

    @Test(arguments: [
        "{}", "[]", " [ 1 , -0.5e-3 , true , false , null , \"x\" ] ", #"{"a":{"b":[{}]},"c":"\u00e9\ud83d\ude00\n"}"#,
        "\"ünï\"", "0", "-1", "1E5", #"{"a":1,"A":1,"a ":1}"#, #"["\\","\"","/"]"#,
    ])
    func takesJSON(text: String) {
        #expect(scan(text) == nil)
    }

    @Test(arguments: [
        ("", JSONSyntaxError.Kind.unexpectedEnd), ("{", .unexpectedEnd), ("[1,", .unexpectedEnd),
        ("[1,]", .unexpectedByte),
        ("{\"a\"}", .unexpectedByte), ("{\"a\":}", .unexpectedByte), ("{a:1}", .unexpectedByte),
        ("nul", .unexpectedEnd),
        ("01", .trailingBytes), ("+1", .unexpectedByte), ("1.", .unexpectedEnd), ("1.x", .invalidNumber),
        ("-", .unexpectedEnd), ("1e400", .invalidNumber), ("NaN", .unexpectedByte), ("\"\u{01}\"", .controlCharacter),
        ("\"\\x\"", .invalidEscape), (#""\ud800""#, .loneSurrogate), (#""\ud800A""#, .loneSurrogate),
        (#""\udc00""#, .loneSurrogate), (#""\u12g4""#, .invalidEscape), (#"{"a":1,"a":2}"#, .duplicateKey),
        (#"{"a":1,"\u0061":2}"#, .duplicateKey), (#"{"x":[{"a":1,"b":{},"a":2}]}"#, .duplicateKey),
        ("{} x", .trailingBytes),
        ("[1 2]", .unexpectedByte), ("[}", .unexpectedByte), ("{]", .unexpectedByte), ("\u{FEFF}{}", .unexpectedByte),
    ])
    func refuses(text: String, kind: JSONSyntaxError.Kind) {
        #expect(scan(text) == kind)
    }

    @Test(arguments: [(64, nil), (65, JSONSyntaxError.Kind.tooDeep), (200_000, .tooDeep)])
    func countsDepth(depth: Int, kind: JSONSyntaxError.Kind?) {
        let open = String(repeating: "[", count: depth)
        let close = String(repeating: "]", count: depth)
        #expect(scan(open + close) == kind)
        let objects = String(repeating: #"{"a":"#, count: depth - 1) + "{}" + String(repeating: "}", count: depth - 1)
        #expect(scan(objects) == kind)
    }

    @Test func boundsNumbersAndMembers() {
        #expect(scan(String(repeating: "9", count: 10_000_000)) == .invalidNumber)
        let many = (0...JSONKeyTracker.maximumMembers).map { "\"k\($0)\":0" }.joined(separator: ",")
        #expect(scan("{\(many)}") == .tooManyMembers)
    }

    /// Whatever the strict parser takes, the scanner takes, and the other way round, for texts made by mutation.
    @Test func agreesWithTheParser() {
        var random = SeededGenerator(seed: 7)
        let seeds = [
            #"{"model":"m","messages":[{"role":"user","content":"hi \u00e9"}],"stream":true,"n":1.5e3}"#,
            #"[[],{},"",0,-1.25,true,false,null,{"a":[{"b":"\\\""}]}]"#,
        ]
        for round in 0..<20_000 {
            var bytes = Array(seeds[round % seeds.count].utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0...2, using: &random) {
                case 0: bytes[place] = Array(#"{}[]",:0e-tfn\u"#.utf8).randomElement(using: &random) ?? 0
                case 1: bytes.remove(at: place)
                default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: place)
                }
                if bytes.isEmpty { bytes = [0x30] }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            let parsed = (try? JSONValue(parsing: Array(text.utf8))) != nil
            #expect((scan(text) == nil) == parsed, "\(text)")
        }
    }
}
