import Testing

@testable import GatehouseCore

@Suite struct TerminalScreenTests {
    private func screen(_ text: String, columns: Int = 20, height: Int = 5) -> TerminalScreen {
        var screen = TerminalScreen(columns: columns, height: height)
        screen.feed(Array(text.utf8))
        return screen
    }

    private func rows(_ screen: TerminalScreen) -> [String] { screen.rows.map(\.text) }

    @Test func textStandsWhereItWasWritten() {
        #expect(rows(screen("one\r\ntwo\nthree")).prefix(3) == ["one", "two", "   three"])
        #expect(rows(screen("abc\u{8}\u{8}X\rY"))[0] == "YXc")
        #expect(rows(screen("a\tb"))[0] == "a       b")
        #expect(rows(screen("é日x"))[0] == "é日 x", "a wide character takes two cells")
        #expect(rows(screen("a\u{301}b"))[0] == "ab", "a mark takes none")
    }

    @Test func whatTheTerminalBrokeIsOneLine() {
        let screen = screen("0123456789abcdefghijABC\r\nnext")
        #expect(rows(screen).prefix(3) == ["0123456789abcdefghij", "ABC", "next"])
        #expect(screen.lines.prefix(2) == ["0123456789abcdefghijABC", "next"])
        let full = self.screen("0123456789abcdefghij\r\nnext")
        #expect(full.lines.prefix(2) == ["0123456789abcdefghij", "next"], "a row that is just full is not broken")
        #expect(
            rows(self.screen("\u{1B}[?7l0123456789abcdefghijABC"))[0] == "0123456789abcdefghiC", "not without wrapping")
    }

    @Test func controlsMoveAndErase() {
        #expect(rows(screen("abc\u{1B}[2;3HX\u{1B}[AY\u{1B}[1GZ"))[0] == "ZbcY")
        #expect(rows(screen("abcdef\u{1B}[3D\u{1B}[K"))[0] == "abc")
        #expect(rows(screen("abcdef\u{1B}[3D\u{1B}[1K"))[0] == "    ef")
        #expect(rows(screen("abcdef\u{1B}[2K\rx"))[0] == "x")
        #expect(rows(screen("a\r\nb\r\nc\u{1B}[2J\u{1B}[Hx")) == ["x", "", "", "", ""])
        #expect(rows(screen("abcdef\r\u{1B}[2P"))[0] == "cdef")
        #expect(rows(screen("abcdef\r\u{1B}[2@x"))[0] == "x abcdef")
        #expect(rows(screen("a\r\nb\r\nc\u{1B}[1;1H\u{1B}[L")).prefix(3) == ["", "a", "b"])
        #expect(rows(screen("a\r\nb\r\nc\u{1B}[1;1H\u{1B}[M")).prefix(3) == ["b", "c", ""])
    }

    @Test func coloursAndTitlesAreNoText() {
        #expect(
            rows(screen("\u{1B}[1;31mred\u{1B}[0m\u{1B}]0;a title\u{7}!\u{1B}(B?\u{1B}Pdcs\u{1B}\\."))[0] == "red!?.")
        #expect(rows(screen("\u{1B}]0;title\u{1B}[31mx"))[0] == "x", "another control breaks a string off")
        #expect(rows(screen("\u{1B}[3\u{8}1mx\u{1B}[38:2:1:2:3my"))[0] == "xy")
    }

    @Test func whatScrollsAwayIsKeptForAWhile() {
        let text = (0..<2000).map { "line \($0)" }.joined(separator: "\r\n")
        let screen = screen(text)
        #expect(rows(screen) == (1995..<2000).map { "line \($0)" })
        #expect(screen.history.count == TerminalScreen.maximumHistory)
        #expect(screen.lines.contains("line 1994"))
    }

    @Test func onlyTheRegionScrolls() {
        let screen = screen("top\u{1B}[2;3r\u{1B}[2;1Ha\r\nb\r\nc\u{1B}[5;1Hbottom")
        #expect(rows(screen) == ["top", "b", "c", "", "bottom"])
    }

    @Test func linksAreKept() {
        let screen = screen("\u{1B}]8;id=1;https://claude.ai/x;y?a=b\u{1B}\\here\u{1B}]8;;\u{1B}\\")
        #expect(screen.links == ["https://claude.ai/x;y?a=b"] && rows(screen)[0] == "here")
    }

    /// Some programs wait for the answer before they draw.
    @Test func theTerminalAnswers() {
        var screen = screen("ab\u{1B}[6n\u{1B}[5n\u{1B}[c")
        #expect(String(decoding: screen.takeReplies(), as: UTF8.self) == "\u{1B}[1;3R\u{1B}[0n\u{1B}[?1;2c")
        #expect(screen.takeReplies().isEmpty)
        screen.feed(Array(String(repeating: "\u{1B}[6n", count: 100_000).utf8))
        #expect(screen.takeReplies().count < 5000)
    }

    /// Any bytes in any pieces give the same screen, of the same size, and end.
    @Test(arguments: 0..<60 as Range<UInt64>)
    func anyBytesAreTaken(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let telling = Array("\u{1B}[]();?0123456789ABCDEFGHJKLMPSTXcdfhlmnrsu@\\\r\n\t\u{8}\u{7}\u{9B}é日 ".utf8)
        let bytes = (0..<6000).map { _ in
            random.next(upperBound: 5 as UInt64) == 0
                ? UInt8(truncatingIfNeeded: random.next())
                : telling[Int(random.next(upperBound: UInt64(telling.count)))]
        }
        var whole = TerminalScreen(columns: 13, height: 7)
        whole.feed(bytes)
        var pieces = TerminalScreen(columns: 13, height: 7)
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = min(rest.count, Int(random.next(upperBound: 9 as UInt64)) + 1)
            pieces.feed(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
        #expect(whole.all == pieces.all && whole.links == pieces.links)
        #expect(whole.rows.count == 7 && whole.rows.allSatisfy { $0.cells.count == 13 })
        #expect(whole.history.count <= TerminalScreen.maximumHistory)
        #expect((0..<7).contains(whole.row) && (0..<13).contains(whole.column))
    }
}
