import GatehouseCore
import GatehouseTesting
import NIOCore
import Testing

@Suite struct SSEParserTests {
    /// The payloads of a stream that comes in the given pieces, and all bytes taken.
    private func parse(_ pieces: [[UInt8]]) throws -> (payloads: [String], bytes: [UInt8]) {
        var parser = SSEParser()
        var payloads: [String] = []
        var bytes: [UInt8] = []
        for piece in pieces {
            parser.append(ByteBuffer(bytes: piece))
            while let frame = try parser.next() {
                switch frame.payload {
                case .none: break
                case .line(let range): payloads.append(parser.withBytes(range) { JSONScanner.text($0, 0..<$0.count) })
                case .joined(let data): payloads.append(String(buffer: data))
                }
            }
            bytes += Array(parser.take(upTo: parser.cursor).readableBytesView)
        }
        if let last = parser.last(), case .line(let range) = last.payload {
            payloads.append("last:" + parser.withBytes(range) { JSONScanner.text($0, 0..<$0.count) })
            bytes += Array(parser.take(upTo: last.range.upperBound).readableBytesView)
        }
        return (payloads, bytes)
    }

    @Test(
        arguments: [
            ("data: a\n\ndata: b\n\n", ["a", "b"]), ("data:a\r\n\r\ndata:  b\r\n\r\n", ["a", " b"]),
            ("data: a\r\rdata: b\r\r", ["a", "b"]), (": hi\n\ndata: a\n\n", ["a"]),
            ("event: x\nid: 1\ndata: a\ndata: b\n\n", ["a\nb"]), ("data\n\n", [""]), ("dat: a\n\ndatax: b\n\n", []),
            ("\n\n\ndata: a\n\n", ["a"]), ("data: a\n", ["last:a"]), ("data: a", ["last:a"]),
            ("\u{FEFF}data: a\n\n", ["a"]), ("\n\u{FEFF}data: a\n\ndata: b\n\n", ["b"]),
            ("data: é\u{2028}\u{85}x\n\n", ["é\u{2028}\u{85}x"]),
        ] as [(String, [String])])
    func readsEvents(text: String, payloads: [String]) throws {
        #expect(try parse([Array(text.utf8)]).payloads == payloads)
    }

    @Test func anySplitGivesTheSame() throws {
        let lines = ["data: {\"a\":1}", ": c", "event: e", "data: é😀", "", "data:", "retry: 5", "x"]
        let ends = ["\n", "\r\n", "\r"]
        for seed in 0..<3000 {
            var random = SeededGenerator(seed: UInt64(seed))
            let end = ends[seed % 3]
            var text = ""
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                text += (lines.randomElement(using: &random) ?? "") + end
            }
            let bytes = Array(text.utf8)
            let whole = try parse([bytes])
            let cuts = random.cuts(of: bytes.count)
            let pieces = zip(cuts, cuts.dropFirst()).map { Array(bytes[$0..<$1]) }
            let split = try parse(pieces)
            #expect(split.payloads == whole.payloads, "seed \(seed)")
            #expect(bytes.starts(with: split.bytes), "seed \(seed)")
        }
    }

    @Test func boundsAnEvent() {
        var parser = SSEParser(maximumFrame: 1000)
        #expect(throws: Failure.self) {
            for _ in 0..<100 {
                parser.append(ByteBuffer(repeating: UInt8(ascii: "x"), count: 100))
                while try parser.next() != nil {}
            }
        }
    }
}
