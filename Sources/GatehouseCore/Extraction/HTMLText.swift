/// The text of a page as one would read it: no scripts, no styles, a line for each block. Every page has a text: what is
/// wrong in it is taken as browsers take it, more or less. The work is in proportion to the bytes.
package enum HTMLText {
    package static func text(of page: [UInt8]) throws(ReadingFailure) -> [UInt8] {
        var reader = HTMLReader(page)
        try reader.read()
        return reader.text
    }
}

private struct HTMLReader {
    private let bytes: [UInt8]
    private var index = 0
    private var sink = TextSink()
    private var preformatted = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { index = 3 }
    }

    var text: [UInt8] { sink.bytes }

    mutating func read() throws(ReadingFailure) {
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "<") where isMarkup: try markup()
            case UInt8(ascii: "&"): try reference()
            case 0x20, 0x09...0x0D:
                if preformatted > 0 {
                    try sink.append(bytes[index] == 0x0D ? 0x20 : bytes[index])
                } else {
                    try sink.blank()
                }
                index += 1
            default:
                let end = bytes[index...].firstIndex { $0 == 0x3C || $0 == 0x26 || $0 <= 0x20 } ?? bytes.endIndex
                // A control character, or a `<` that begins nothing.
                let next = max(end, index + 1)
                if bytes[index] > 0x20 { try sink.append(bytes[index..<next]) }
                index = next
            }
        }
        try sink.endLine()
    }

    private var isMarkup: Bool {
        guard index + 1 < bytes.count else { return false }
        let next = bytes[index + 1]
        return next == UInt8(ascii: "/") || next == UInt8(ascii: "!") || next == UInt8(ascii: "?")
            || (0x61...0x7A).contains(next | 0x20)
    }

    private mutating func markup() throws(ReadingFailure) {
        if bytes[index...].starts(with: "<!--".utf8) {
            index = end(of: "-->", from: index + 4)
            return
        }
        let isEnd = bytes[index + 1] == UInt8(ascii: "/")
        let start = index + (isEnd ? 2 : 1)
        let stop = bytes[start...].firstIndex { !Self.isOfName($0) } ?? bytes.endIndex
        let name = String(decoding: bytes[start..<stop].prefix(16), as: UTF8.self).lowercased()
        index = end(of: ">", from: stop)
        if Self.hidden.contains(name), !isEnd {
            index = closing(name)
        } else if name == "pre" || name == "textarea" {
            preformatted = max(0, preformatted + (isEnd ? -1 : 1))
            try sink.endLine()
        } else if Self.blocks.contains(name) {
            if preformatted == 0 || name != "br" { try sink.endLine() } else { try sink.append(0x0A) }
            if name == "li", !isEnd { try sink.append("- ".utf8) }
        } else if name == "td" || name == "th", isEnd {
            try sink.endCell()
        }
    }

    private static func isOfName(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte)
    }

    /// Where the content goes on behind the end tag of what is not shown; the end when there is none.
    private func closing(_ name: String) -> Int {
        let name = Array(name.utf8)
        var place = index
        while let open = bytes[place...].firstIndex(of: UInt8(ascii: "<")) {
            let tag = bytes[open...].dropFirst().prefix(name.count + 1).map { $0 | 0x20 }
            if tag.first == UInt8(ascii: "/"), tag.dropFirst().elementsEqual(name) { return end(of: ">", from: open) }
            place = open + 1
        }
        return bytes.endIndex
    }

    private func end(of mark: String, from start: Int) -> Int {
        let mark = Array(mark.utf8)
        var place = min(start, bytes.count)
        while let first = bytes[place...].firstIndex(of: mark[0]) {
            if bytes[first...].starts(with: mark) { return first + mark.count }
            place = first + 1
        }
        return bytes.endIndex
    }

    private mutating func reference() throws(ReadingFailure) {
        let rest = bytes[(index + 1)...].prefix(12)
        guard let end = rest.firstIndex(of: UInt8(ascii: ";")),
            let scalar = CharacterReference.scalar(bytes[(index + 1)..<end], named: Self.names)
        else {
            try sink.append(UInt8(ascii: "&"))
            index += 1
            return
        }
        index = end + 1
        if scalar == "\u{A0}" { return try sink.append(0x20) }
        if scalar.value >= 0x20 { try sink.append(scalar) } else { try sink.blank() }
    }

    private static let hidden: Set<String> = [
        "script", "style", "template", "noscript", "svg", "math", "iframe", "object", "select", "canvas", "audio",
        "video",
    ]
    private static let blocks: Set<String> = [
        "address", "article", "aside", "blockquote", "body", "br", "caption", "dd", "details", "dialog", "div", "dl",
        "dt",
        "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header",
        "hr",
        "html", "legend", "li", "main", "nav", "ol", "option", "p", "section", "summary", "table", "tbody", "tfoot",
        "thead", "title", "tr", "ul",
    ]
    private static let names: [String: Unicode.Scalar] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": "\u{A0}", "copy": "©", "reg": "®",
        "trade": "™", "hellip": "…", "mdash": "—", "ndash": "–", "lsquo": "‘", "rsquo": "’", "ldquo": "“", "rdquo": "”",
        "laquo": "«", "raquo": "»", "bull": "•", "middot": "·", "euro": "€", "pound": "£", "yen": "¥", "cent": "¢",
        "sect": "§", "deg": "°", "times": "×", "divide": "÷", "plusmn": "±", "micro": "µ", "auml": "ä", "ouml": "ö",
        "uuml": "ü", "Auml": "Ä", "Ouml": "Ö", "Uuml": "Ü", "szlig": "ß", "eacute": "é", "egrave": "è", "agrave": "à",
        "ccedil": "ç", "ntilde": "ñ", "rarr": "→", "larr": "←", "shy": "\u{AD}",
    ]
}
