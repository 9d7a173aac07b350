import GatehouseCore
import NIOCore

/// What a program writes to a terminal: its first two bytes are the terminal's size, the rest is the output. Every cut gives
/// the same screen, which keeps its size and its bounds.
enum TerminalFuzz {
    private struct Shown: Equatable {
        var rows: [TerminalScreen.Row]
        var links: [String]
        var replies: [UInt8]
    }

    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(input)
        guard bytes.count >= 2 else { return }
        let (columns, height) = (Int(bytes[0] % 100), Int(bytes[1] % 40))
        let cuts = Cuts.all(bytes.dropFirst(2))
        let whole = cuts.first.map { show($0, columns, height) }
        for pieces in cuts {
            promise(show(pieces, columns, height) == whole, "cut into \(pieces.count) pieces, the screen is another")
        }
    }

    private static func show(_ pieces: [ByteBuffer], _ columns: Int, _ height: Int) -> Shown {
        var screen = TerminalScreen(columns: columns, height: height)
        for piece in pieces { screen.feed(piece.readableBytesView) }
        promise(screen.rows.count == screen.height, "the screen has another height")
        promise(screen.rows.allSatisfy { $0.cells.count == screen.columns }, "a row has another width")
        promise(screen.lines.count <= screen.all.count, "more lines than rows")
        return Shown(rows: screen.all, links: screen.links, replies: screen.takeReplies())
    }
}
