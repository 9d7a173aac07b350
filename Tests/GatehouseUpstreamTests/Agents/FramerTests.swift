import GatehouseCore
import GatehouseUpstream
import NIOCore
import Testing

@Suite struct FramerTests {
    private func lines(_ pieces: [ByteBuffer], framer: JSONLineFramer = JSONLineFramer()) throws -> [String] {
        var framer = framer
        var lines: [String] = []
        for piece in pieces {
            try framer.feed(piece)
            while let line = try framer.next() { lines.append(String(buffer: line)) }
        }
        if let last = framer.last() { lines.append(String(buffer: last)) }
        return lines
    }

    @Test func splitsOnLineFeedOnly() throws {
        let text = "a\u{2028}b\u{85}c\u{0B}d\u{0C}e\rf\r\n\n{\"x\":1}\nrest"
        #expect(
            try lines([ByteBuffer(string: text)]) == ["a\u{2028}b\u{85}c\u{0B}d\u{0C}e\rf", "", "{\"x\":1}", "rest"])
    }

    @Test func anySplitGivesTheSameLines() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<500 {
            let alphabet: [UInt8] = [0x0A, 0x0D, 0x61, 0xE2, 0x80, 0xA8]
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0...300, using: &generator) {
                bytes.append(alphabet[Int.random(in: alphabet.indices, using: &generator)])
            }
            let whole = ByteBuffer(bytes: bytes)
            let expected = try lines([whole])
            #expect(try lines(whole.cut(using: &generator, atMost: 9)) == expected)
            #expect(try lines(whole.cut(using: &generator, atMost: 1)) == expected)
        }
    }

    @Test func refusesLongLines() throws {
        let framer = JSONLineFramer(lineLimit: 10, totalLimit: 1000)
        #expect(try lines([ByteBuffer(string: "0123456789\nx")], framer: framer) == ["0123456789", "x"])
        for pieces in [["0123456789a"], ["01234", "56789a"], ["01234", "56789a\n"], ["01234567890\n"]] {
            #expect(throws: Failure(.outputTooLarge, detail: "a line of more than 10 bytes")) {
                try lines(pieces.map { ByteBuffer(string: $0) }, framer: framer)
            }
        }
    }

    @Test func refusesTooMuchInAll() throws {
        let framer = JSONLineFramer(lineLimit: 100, totalLimit: 20)
        #expect(try lines([ByteBuffer(string: "012345678\n012345678\n")], framer: framer).count == 2)
        #expect(throws: Failure(.outputTooLarge, detail: "more than 20 bytes of output")) {
            try lines([ByteBuffer(string: "012345678\n012345678\n"), ByteBuffer(string: "x")], framer: framer)
        }
    }

    /// Lines that are cut at every read must not make the buffer keep what was given out.
    @Test func forgetsWhatItGaveOut() throws {
        var framer = JSONLineFramer(lineLimit: 1000, totalLimit: .max)
        let piece = ByteBuffer(string: String(repeating: "x", count: 500) + "\n" + String(repeating: "y", count: 399))
        for _ in 0..<10_000 {
            try framer.feed(piece)
            while let line = try framer.next() { #expect(line.storageCapacity < 16 << 10) }
        }
    }
}
