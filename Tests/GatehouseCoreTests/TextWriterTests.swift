import GatehouseCore
import NIOCore
import Testing

@Suite struct TextWriterTests {
    private func written(_ body: (inout TextWriter) -> Void) -> String {
        var writer = TextWriter(capacity: 1)
        body(&writer)
        return writer.withBytes { String(decoding: $0, as: UTF8.self) }
    }

    @Test(arguments: [0, 1, 9, 10, 99, 100, 101, 999, 1000, 65_535, 9_999_999_999, UInt64.max - 1, UInt64.max])
    func numbersAreWrittenAsTheyAre(number: UInt64) {
        #expect(written { $0.decimal(number) } == String(number))
        #expect(written { $0.hexadecimal(number) } == String(number, radix: 16))
        let padded = String(repeating: "0", count: max(0, 4 - String(number).count)) + String(number)
        #expect(written { $0.decimal(number, minimum: 4) } == padded)
    }

    @Test(arguments: [
        "", "a", "seven77", "eight888", "a \"quoted\" one", "back\\slash", "line\nfeed", "\u{7F}", "\u{0}", "größer",
        "🎈",
        "sixteen bytes..\"", String(repeating: "long ", count: 100),
    ])
    func stringsAreQuoted(text: String) throws {
        let quoted = written { $0.quoted(text) }
        #expect(try JSONValue(parsing: Array(quoted.utf8)) == .string(text))
        #expect(written { $0.text(text) } == text)
        #expect(!quoted.utf8.contains { $0 < 0x20 || $0 == 0x7F })
    }

    @Test func memoryOfItsOwnGrows() {
        let all = written { writer in
            for number in 0..<1000 {
                writer.literal("number ")
                writer.decimal(UInt64(number))
                writer.byte(UInt8(ascii: "\n"))
            }
        }
        #expect(all == (0..<1000).map { "number \($0)\n" }.joined())
    }

    @Test func whatDoesNotFitIsLeftOut() {
        withUnsafeTemporaryAllocation(byteCount: 8, alignment: 1) { memory in
            var writer = TextWriter(memory)
            writer.literal("12345")
            let wasFull = writer.isFull
            writer.literal("6789")
            let (isFull, count) = (writer.isFull, writer.count)
            #expect(!wasFull && isFull && count == 5)
        }
    }

    /// The piece is written once, however often it had to be begun.
    @Test(arguments: [1, 3, 4, 5, 16, 100]) func aBufferTakesItWhole(room: Int) {
        var buffer = ByteBuffer(string: "before ")
        buffer.writeText(room: room) { writer in
            writer.literal("and ")
            writer.text("behind")
        }
        #expect(String(buffer: buffer) == "before and behind")
    }
}

@Suite struct ByteComparisonTests {
    @Test(arguments: ["", "a", "ab", "seven77", "eight888", "nine99999", "content-length", "sixteen-bytes-16"])
    func everyByteCounts(text: String) {
        let bytes = Array("x\(text)y".utf8)
        let same = Array(text.utf8)
        #expect(isSame(same, same))
        for index in same.indices {
            var other = same
            other[index] ^= 1
            #expect(!isSame(same, other))
        }
        #expect(!isSame(same, same + [0]))
        #expect(bytes.count == same.count + 2)
    }

    @Test func wordsAreFoundWhereTheyAre() {
        let bytes = Array("xcontent-lengthy".utf8)
        #expect(has(bytes, 1) && !has(bytes, 0) && !has(bytes, 2) && !has(bytes, 3) && !has(bytes, -1))
        #expect(!has(Array("xcontent-lengt".utf8), 1))
        #expect(!has(Array("xCONTENT-LENGTH".utf8), 1))
    }

    @Test(arguments: ["content-length", "CONTENT-LENGTH", "Content-Length", "cONTENT-lENGTH"])
    func namesAreFoundInAnyCase(name: String) {
        #expect(hasName(Array(name.utf8)))
        for index in name.utf8.indices {
            var other = Array(name.utf8)
            other[name.utf8.distance(from: name.startIndex, to: index)] = UInt8(ascii: "_")
            #expect(!hasName(other))
        }
    }

    private func isSame(_ one: [UInt8], _ other: [UInt8]) -> Bool { one.span.isSame(as: other.span) }
    private func has(_ bytes: [UInt8], _ start: Int) -> Bool { bytes.span.has("content-length", at: start) }
    private func hasName(_ bytes: [UInt8]) -> Bool { bytes.span.hasName("content-length", at: 0..<bytes.count) }
}
