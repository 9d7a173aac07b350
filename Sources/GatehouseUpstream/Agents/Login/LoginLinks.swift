package import GatehouseCore

/// Finds on a screen what a person has to visit and to type.
package enum LoginLinks {
    private static let maximumLength = 4096
    private static let borders: Set<Unicode.Scalar> = ["│", "┃", "║", "|", "▏", "▕", "▌", "▐", "┆", "┊", "╎", "╏"]

    /// The URL to visit: the longest of those whose host is allowed, among them the last.
    ///
    /// - Parameter hosts: Each stands for itself and for what is below it.
    package static func url(on screen: TerminalScreen, hosts: [String]) -> String? {
        let candidates = screen.links + texts(screen.all)
        return candidates.filter { isAllowed($0, hosts) }.max { $0.utf8.count < $1.utf8.count }
    }

    /// Whether it is `https`, without a user in front of the host, and leads to a host of the list.
    package static func isAllowed(_ url: String, _ hosts: [String]) -> Bool {
        guard url.utf8.count <= maximumLength, url.hasPrefix("https://"), url.utf8.allSatisfy(isURLByte) else {
            return false
        }
        let authority = url.dropFirst("https://".count).prefix { !"/?#\\".contains($0) }
        guard !authority.contains("@"), !authority.contains("%") else { return false }
        let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
        guard let host = parts.first?.lowercased(), !host.isEmpty,
            parts.count == 1 || (parts.count == 2 && parts[1] == "443")
        else { return false }
        return hosts.contains { host == $0 || host.hasSuffix("." + $0) }
    }

    /// The code that a device shows: letters and digits in two groups, as a word of its own.
    package static func userCode(on screen: TerminalScreen) -> String? {
        for line in screen.lines.reversed() {
            for word in line.split(whereSeparator: { !$0.isASCII || !($0.isLetter || $0.isNumber || $0 == "-") }) {
                let groups = word.split(separator: "-", omittingEmptySubsequences: false)
                guard groups.count == 2, groups.allSatisfy({ (4...6).contains($0.utf8.count) }),
                    word.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || $0 == 0x2D })
                else { continue }
                return String(word)
            }
        }
        return nil
    }

    // MARK: Text

    /// What begins with `https://`, put together where it goes on in the next rows: because the terminal broke it, or because
    /// the program did so at the edge of a box.
    private static func texts(_ rows: [TerminalScreen.Row]) -> [String] {
        var found: [String] = []
        for (index, row) in rows.enumerated() {
            var column = 0
            while let start = begin(in: row.cells, from: column) {
                let (text, end) = read(rows, index, from: start)
                found.append(text)
                column = end
                if found.count >= 64 { return found }
            }
        }
        return found
    }

    private static let scheme: [Unicode.Scalar] = Array("https://".unicodeScalars)

    private static func begin(in cells: [Unicode.Scalar], from column: Int) -> Int? {
        guard cells.count >= scheme.count, column <= cells.count - scheme.count else { return nil }
        return (column...(cells.count - scheme.count)).first { cells[$0..<($0 + scheme.count)].elementsEqual(scheme) }
    }

    /// - Returns: the URL, and where it ends in its first row.
    private static func read(_ rows: [TerminalScreen.Row], _ first: Int, from start: Int) -> (String, Int) {
        var end = run(rows[first].cells, from: start)
        var text = String.UnicodeScalarView(rows[first].cells[start..<end])
        let firstEnd = end
        var index = first
        while text.count < maximumLength, goesOn(rows[index], behind: end), rows.indices.contains(index + 1) {
            let next = rows[index + 1].cells
            let from = rows[index].isWrapped ? 0 : inside(next)
            let to = run(next, from: from)
            guard to > from, begin(in: Array(next[from..<to]), from: 0) == nil,
                rows[index].isWrapped || isAlone(next[to...])
            else { break }
            text.append(contentsOf: next[from..<to])
            (index, end) = (index + 1, to)
        }
        return (trimmed(String(text)), max(firstEnd, start + 1))
    }

    /// Whether the row ends there, at the edge of the terminal or of a box.
    private static func goesOn(_ row: TerminalScreen.Row, behind end: Int) -> Bool {
        if row.isWrapped { return row.cells[end...].allSatisfy { $0.value == 0 } }
        let rest = row.cells[end...]
        guard let edge = rest.firstIndex(where: { $0.value != 0 && $0 != " " }) else {
            // Without a box: the program broke it where the terminal ends.
            return row.cells.count == end
        }
        return borders.contains(row.cells[edge]) && edge - end <= 3
    }

    /// Whether nothing but the border of a box follows: else it is the next sentence.
    private static func isAlone(_ rest: ArraySlice<Unicode.Scalar>) -> Bool {
        rest.allSatisfy { $0.value == 0 || $0 == " " || borders.contains($0) }
    }

    /// Where the text of a row begins, behind the border of a box.
    private static func inside(_ cells: [Unicode.Scalar]) -> Int {
        cells.firstIndex { $0.value != 0 && $0 != " " && !borders.contains($0) } ?? cells.count
    }

    private static func run(_ cells: [Unicode.Scalar], from start: Int) -> Int {
        var end = start
        while end < cells.count, cells[end].isASCII, isURLByte(UInt8(cells[end].value & 0x7F)),
            !borders.contains(cells[end])
        {
            end += 1
        }
        return end
    }

    private static func isURLByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "-._~:/?#[]@!$&'()*+,;=%".utf8.contains(byte)
        }
    }

    /// Without the marks of a sentence at its end.
    private static func trimmed(_ text: String) -> String {
        var text = text[...]
        while let last = text.last, ".,;:!)]'".contains(last) { text.removeLast() }
        return String(text)
    }
}
