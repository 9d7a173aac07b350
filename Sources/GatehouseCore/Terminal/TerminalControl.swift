/// One control sequence (`ESC [ ...`), byte by byte.
struct TerminalControl: Sendable {
    enum Step: Sendable {
        case more, done
        /// A control of one byte in the middle of it.
        case single
        case broken
    }

    /// `?`, `>`, `=` or `<` in front.
    private(set) var mark: UInt8 = 0
    private(set) var numbers: [Int] = []
    private(set) var final: UInt8 = 0
    private(set) var hasIntermediates = false
    private var digits: Int?
    private static let maximumNumbers = 16

    mutating func take(_ byte: UInt8) -> Step {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
            digits = min((digits ?? 0) * 10 + Int(byte - UInt8(ascii: "0")), 9999)
        case UInt8(ascii: ";"), UInt8(ascii: ":"): push()
        case UInt8(ascii: "<")...UInt8(ascii: "?"):
            if mark == 0 { mark = byte }
        case 0x20...0x2F: hasIntermediates = true
        case 0x40...0x7E:
            if digits != nil || !numbers.isEmpty { push() }
            final = byte
            return .done
        case 0x18, 0x1A, 0x1B: return .broken
        case 0x00..<0x20: return .single
        case 0x7F: return .more
        default: return .broken
        }
        return .more
    }

    private mutating func push() {
        if numbers.count < Self.maximumNumbers { numbers.append(digits ?? 0) }
        digits = nil
    }

    /// A number that counts: what is missing or 0 is 1.
    func count(_ index: Int = 0) -> Int {
        numbers.indices.contains(index) ? max(1, numbers[index]) : 1
    }

    /// A number that chooses: what is missing is 0.
    func choice(_ index: Int = 0) -> Int {
        numbers.indices.contains(index) ? numbers[index] : 0
    }
}

/// What control sequences and characters do to the screen.
extension TerminalScreen {
    mutating func perform(_ control: TerminalControl) {
        guard !control.hasIntermediates else { return }
        guard control.mark == 0 else { return mode(control) }
        switch control.final {
        case UInt8(ascii: "A"): move(row: row - control.count(), column: column)
        case UInt8(ascii: "B"), UInt8(ascii: "e"): move(row: row + control.count(), column: column)
        case UInt8(ascii: "C"), UInt8(ascii: "a"): move(row: row, column: column + control.count())
        case UInt8(ascii: "D"): move(row: row, column: column - control.count())
        case UInt8(ascii: "E"): move(row: row + control.count(), column: 0)
        case UInt8(ascii: "F"): move(row: row - control.count(), column: 0)
        case UInt8(ascii: "G"), UInt8(ascii: "`"): move(row: row, column: control.count() - 1)
        case UInt8(ascii: "d"): move(row: control.count() - 1, column: column)
        case UInt8(ascii: "H"), UInt8(ascii: "f"): move(row: control.count() - 1, column: control.count(1) - 1)
        case UInt8(ascii: "s"): saved = (row, column)
        case UInt8(ascii: "u"): move(row: saved.row, column: saved.column)
        case UInt8(ascii: "r"): setRegion(control)
        case UInt8(ascii: "n"): report(control)
        case UInt8(ascii: "c"): reply("\u{1B}[?1;2c")
        default: edit(control)
        }
    }

    private mutating func edit(_ control: TerminalControl) {
        switch control.final {
        case UInt8(ascii: "J"): eraseDisplay(control.choice())
        case UInt8(ascii: "K"): eraseLine(control.choice())
        case UInt8(ascii: "X"): erase(row, column..<min(columns, column + control.count()))
        case UInt8(ascii: "P"): shift(left: min(control.count(), columns - column))
        case UInt8(ascii: "@"): shift(right: min(control.count(), columns - column))
        case UInt8(ascii: "L"): insertRows(min(control.count(), height))
        case UInt8(ascii: "M"): deleteRows(min(control.count(), height))
        case UInt8(ascii: "S"): for _ in 0..<min(control.count(), height) { scrollUp() }
        case UInt8(ascii: "T"): for _ in 0..<min(control.count(), height) { scrollDown(from: region.lowerBound) }
        default: break
        }
    }

    /// Automatic wrapping, and the second screen, which begins empty.
    private mutating func mode(_ control: TerminalControl) {
        let isOn = control.final == UInt8(ascii: "h")
        guard control.mark == UInt8(ascii: "?"), isOn || control.final == UInt8(ascii: "l") else { return }
        for number in control.numbers {
            switch number {
            case 7: wraps = isOn
            case 47, 1047, 1049: clear()
            default: break
            }
        }
    }

    private mutating func report(_ control: TerminalControl) {
        switch control.choice() {
        case 5: reply("\u{1B}[0n")
        case 6: reply("\u{1B}[\(row + 1);\(column + 1)R")
        default: break
        }
    }

    private mutating func setRegion(_ control: TerminalControl) {
        let top = control.count() - 1
        let bottom = min(height, control.choice(1) == 0 ? height : control.choice(1)) - 1
        guard top < bottom else { return }
        region = top...bottom
        move(row: 0, column: 0)
    }

    // MARK: Text

    mutating func write(_ scalar: Unicode.Scalar) {
        let width = CharacterWidth.of(scalar)
        guard width > 0 else { return }
        if isAtEnd || (column + width > columns && wraps) {
            rows[row].isWrapped = wraps
            if wraps {
                column = 0
                lineFeed()
            }
        }
        column = min(column, columns - width)
        rows[row].cells[column] = scalar
        if width == 2 { rows[row].cells[column + 1] = "\0" }
        column += width
        isAtEnd = column >= columns && wraps
        column = min(column, columns - 1)
    }

    mutating func move(row: Int, column: Int) {
        self.row = min(max(0, row), height - 1)
        self.column = min(max(0, column), columns - 1)
        isAtEnd = false
    }

    mutating func lineFeed() {
        isAtEnd = false
        if row == region.upperBound {
            scrollUp()
        } else {
            row = min(row + 1, height - 1)
        }
    }

    mutating func reverseLineFeed() {
        isAtEnd = false
        if row == region.lowerBound { scrollDown(from: row) } else { row = max(0, row - 1) }
    }

    // MARK: Scrolling and erasing

    private mutating func scrollUp() {
        let gone = rows.remove(at: region.lowerBound)
        rows.insert(Self.emptyRow(columns), at: region.upperBound)
        guard region.lowerBound == 0 else { return }
        history.append(gone)
        if history.count > Self.maximumHistory { history.removeFirst(history.count - Self.maximumHistory) }
    }

    private mutating func scrollDown(from top: Int) {
        rows.remove(at: region.upperBound)
        rows.insert(Self.emptyRow(columns), at: top)
    }

    private mutating func insertRows(_ count: Int) {
        guard region.contains(row) else { return }
        for _ in 0..<count { scrollDown(from: row) }
    }

    private mutating func deleteRows(_ count: Int) {
        guard region.contains(row) else { return }
        for _ in 0..<count {
            rows.remove(at: row)
            rows.insert(Self.emptyRow(columns), at: region.upperBound)
        }
    }

    private mutating func erase(_ row: Int, _ range: Range<Int>) {
        for column in range { rows[row].cells[column] = "\0" }
        if range.upperBound == columns { rows[row].isWrapped = false }
    }

    private mutating func eraseLine(_ which: Int) {
        switch which {
        case 0: erase(row, column..<columns)
        case 1: erase(row, 0..<(column + 1))
        case 2: erase(row, 0..<columns)
        default: break
        }
    }

    private mutating func eraseDisplay(_ which: Int) {
        switch which {
        case 0:
            erase(row, column..<columns)
            for below in (row + 1)..<max(row + 1, height) { rows[below] = Self.emptyRow(columns) }
        case 1:
            for above in 0..<row { rows[above] = Self.emptyRow(columns) }
            erase(row, 0..<(column + 1))
        case 2: for every in rows.indices { rows[every] = Self.emptyRow(columns) }
        case 3: history = []
        default: break
        }
    }

    private mutating func shift(left count: Int) {
        rows[row].cells.removeSubrange(column..<(column + count))
        rows[row].cells += Array(repeating: "\0", count: count)
    }

    private mutating func shift(right count: Int) {
        rows[row].cells.insert(contentsOf: Array(repeating: "\0", count: count), at: column)
        rows[row].cells.removeLast(count)
    }

    /// As when it was switched on.
    mutating func clear() {
        for every in rows.indices { rows[every] = Self.emptyRow(columns) }
        region = 0...(height - 1)
        wraps = true
        move(row: 0, column: 0)
    }
}

/// How many cells a character takes. Coarse: what matters is that URLs and codes, which are ASCII, stand where they should.
enum CharacterWidth {
    static func of(_ scalar: Unicode.Scalar) -> Int {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0: 0
        // Marks on the character before, joiners, variants.
        case 0x300...0x36F, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x2064, 0x20D0...0x20FF, 0xFE00...0xFE0F, 0xFEFF,
            0xE0100...0xE01EF:
            0
        case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
            2
        default: 1
        }
    }
}
