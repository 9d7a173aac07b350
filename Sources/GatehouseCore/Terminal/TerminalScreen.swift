/// What a terminal shows: a screen of cells that a program writes to, with what scrolled away above it.
///
/// Pure, and total: any bytes in any pieces are taken. What it does not know is skipped as the standards say (ECMA-48,
/// and what xterm adds), so that nothing of a control is ever taken for text.
package struct TerminalScreen: Sendable {
    package struct Row: Sendable, Equatable {
        /// 0 is a cell that nothing was written to, or the second half of a wide character.
        package var cells: [Unicode.Scalar]
        /// The text goes on in the next row: the terminal broke it, not the program.
        package var isWrapped = false

        package var text: String {
            var text = String.UnicodeScalarView()
            for cell in cells { text.append(cell.value == 0 ? " " : cell) }
            while text.last == " " { text.removeLast() }
            return String(text)
        }
    }

    package let columns: Int
    package let height: Int
    package var rows: [Row]
    /// What scrolled away, oldest first.
    var history: [Row] = []
    /// The targets of links (OSC 8), oldest first.
    package private(set) var links: [String] = []
    /// What the program asked the terminal for and waits to read.
    private(set) var replies: [UInt8] = []
    var row = 0
    var column = 0
    /// The last column was written to: the next character begins a new row.
    var isAtEnd = false
    var wraps = true
    var saved = (row: 0, column: 0)
    /// The rows that scroll.
    var region: ClosedRange<Int>
    private var state = State.ground
    private var decoder = ScalarDecoder()
    /// Of an OSC that is not whole yet.
    private var text: [UInt8] = []

    static let maximumHistory = 500
    private static let maximumLinks = 16
    private static let maximumString = 8192
    private static let maximumReplies = 4096

    private enum State: Sendable {
        case ground, escape
        /// Behind `ESC` and a byte such as `(`: one more belongs to it.
        case oneMore
        case control(TerminalControl)
        /// OSC, or a string of another kind, which means nothing here.
        case string(isOSC: Bool, sawEscape: Bool)
    }

    package init(columns: Int = 240, height: Int = 60) {
        self.columns = min(max(columns, 2), 1000)
        self.height = min(max(height, 2), 500)
        rows = Array(repeating: Self.emptyRow(self.columns), count: self.height)
        region = 0...(self.height - 1)
    }

    static func emptyRow(_ columns: Int) -> Row {
        Row(cells: Array(repeating: "\0", count: columns))
    }

    /// All rows, what scrolled away first.
    package var all: [Row] { history + rows }

    /// The text, where rows that the terminal broke are one line again.
    package var lines: [String] {
        var lines: [String] = []
        var open = ""
        for row in all {
            open += row.isWrapped ? String(String.UnicodeScalarView(row.cells.filter { $0.value != 0 })) : row.text
            guard !row.isWrapped else { continue }
            lines.append(open)
            open = ""
        }
        return open.isEmpty ? lines : lines + [open]
    }

    /// Takes what is to be answered to the program.
    package mutating func takeReplies() -> [UInt8] {
        defer { replies = [] }
        return replies
    }

    mutating func reply(_ text: String) {
        if replies.count < Self.maximumReplies { replies += Array(text.utf8) }
    }

    // MARK: Bytes

    package mutating func feed(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { feed(byte) }
    }

    private mutating func feed(_ byte: UInt8) {
        switch state {
        case .ground: ground(byte)
        case .escape: escape(byte)
        case .oneMore: state = byte == 0x1B ? .escape : .ground
        case .control(var control):
            switch control.take(byte) {
            case .more: state = .control(control)
            case .done:
                state = .ground
                perform(control)
            case .broken: state = byte == 0x1B ? .escape : .ground
            // Controls of one byte act in the middle of others.
            case .single:
                state = .control(control)
                single(byte)
            }
        case .string(let isOSC, let sawEscape): string(byte, isOSC: isOSC, sawEscape: sawEscape)
        }
    }

    private mutating func ground(_ byte: UInt8) {
        if byte == 0x1B {
            decoder = ScalarDecoder()
            state = .escape
        } else if byte < 0x20 || byte == 0x7F {
            decoder = ScalarDecoder()
            single(byte)
        } else if let scalar = decoder.take(byte) {
            write(scalar)
        }
    }

    private mutating func single(_ byte: UInt8) {
        switch byte {
        case 0x08:
            column = max(0, column - 1)
            isAtEnd = false
        case 0x09:
            column = min(columns - 1, (column / 8 + 1) * 8)
            isAtEnd = false
        case 0x0A, 0x0B, 0x0C: lineFeed()
        case 0x0D:
            column = 0
            isAtEnd = false
        default: break
        }
    }

    private mutating func escape(_ byte: UInt8) {
        state = .ground
        switch byte {
        case UInt8(ascii: "["): state = .control(TerminalControl())
        case UInt8(ascii: "]"): beginString(isOSC: true)
        case UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"):
            beginString(isOSC: false)
        case 0x20...0x2F: state = .oneMore
        case UInt8(ascii: "7"): saved = (row, column)
        case UInt8(ascii: "8"): move(row: saved.row, column: saved.column)
        case UInt8(ascii: "D"): lineFeed()
        case UInt8(ascii: "E"):
            column = 0
            lineFeed()
        case UInt8(ascii: "M"): reverseLineFeed()
        case UInt8(ascii: "c"): clear()
        case 0x1B: state = .escape
        default: break
        }
    }

    private mutating func beginString(isOSC: Bool) {
        text = []
        state = .string(isOSC: isOSC, sawEscape: false)
    }

    private mutating func string(_ byte: UInt8, isOSC: Bool, sawEscape: Bool) {
        if byte == 0x07 || (sawEscape && byte == UInt8(ascii: "\\")) {
            state = .ground
            if isOSC { command() }
        } else if sawEscape {
            // Another control breaks it off.
            state = .escape
            escape(byte)
        } else if byte == 0x18 || byte == 0x1A {
            state = .ground
        } else if byte == 0x1B {
            state = .string(isOSC: isOSC, sawEscape: true)
        } else {
            if isOSC, text.count < Self.maximumString { text.append(byte) }
            state = .string(isOSC: isOSC, sawEscape: false)
        }
    }

    /// `8;PARAMETERS;TARGET` makes what follows a link.
    private mutating func command() {
        let parts = text.split(separator: UInt8(ascii: ";"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0].elementsEqual("8".utf8), !parts[2].isEmpty, text.count < Self.maximumString
        else { return }
        let target = String(decoding: parts[2], as: UTF8.self)
        guard links.last != target else { return }
        links.append(target)
        if links.count > Self.maximumLinks { links.removeFirst() }
    }
}

/// Puts bytes of UTF-8 together to characters; what is broken becomes U+FFFD.
struct ScalarDecoder: Sendable {
    private var value: UInt32 = 0
    private var missing = 0
    private var least: UInt32 = 0

    mutating func take(_ byte: UInt8) -> Unicode.Scalar? {
        if missing > 0 {
            guard byte & 0xC0 == 0x80 else {
                missing = 0
                // What interrupts is a beginning itself; its own character shows that something is missing.
                return take(byte) ?? "\u{FFFD}"
            }
            value = value << 6 | UInt32(byte & 0x3F)
            missing -= 1
            guard missing == 0 else { return nil }
            return value >= least ? Unicode.Scalar(value) ?? "\u{FFFD}" : "\u{FFFD}"
        }
        switch byte {
        case 0x00..<0x80: return Unicode.Scalar(byte)
        case 0xC2..<0xE0: (value, missing, least) = (UInt32(byte & 0x1F), 1, 0x80)
        case 0xE0..<0xF0: (value, missing, least) = (UInt32(byte & 0x0F), 2, 0x800)
        case 0xF0..<0xF5: (value, missing, least) = (UInt32(byte & 0x07), 3, 0x10000)
        default: return "\u{FFFD}"
        }
        return nil
    }
}
