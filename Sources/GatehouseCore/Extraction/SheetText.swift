/// The sheets of a workbook: a line for each row that has something, its cells apart by tabulators. Numbers are as they
/// are kept; dates are numbers.
enum SheetText {
    private static let main = "xl/workbook.xml"
    /// Empty cells between two that are not; more are left out.
    private static let gapLimit = 64

    static func read(_ zip: ZipDirectory, into sink: inout TextSink) throws(ReadingFailure) {
        let targets = try OfficeText.targets(of: main, in: zip)
        let strings = try SharedStrings(zip)
        for sheet in try OfficeText.list("sheet", in: main, of: zip) {
            guard let name = targets[sheet.id] else { throw .damaged }
            // Charts on sheets of their own have no cells.
            guard name.hasPrefix("xl/worksheets/") else { continue }
            try sink.heading("Sheet \(String(sheet.name.unicodeScalars.filter { $0.value >= 0x20 }.prefix(64)))")
            var rows = SheetRows(strings: strings)
            try rows.read(try OfficeText.part(name, of: zip), into: &sink)
        }
    }

    /// The number of a column, `C` of `C5`, from 0.
    static func column(_ reference: String) -> Int? {
        var column = 0
        for byte in reference.utf8.prefix(4) {
            guard (0x41...0x5A).contains(byte) else { break }
            column = column * 26 + Int(byte) - 0x40
        }
        return column == 0 ? nil : column - 1
    }

    private struct SheetRows {
        private enum Kind { case shared, inline, plain }

        let strings: SharedStrings
        private var kind = Kind.plain
        private var value: [UInt8] = []
        private var isValue = false
        private var phonetic = 0
        /// Where the next cell would be.
        private var column = 0
        private var cell = 0

        init(strings: SharedStrings) { self.strings = strings }

        mutating func read(_ sheet: XMLReader, into sink: inout TextSink) throws(ReadingFailure) {
            var reader = sheet
            while let token = try reader.next() {
                switch token {
                case .text(let text): if isValue { value += text }
                case .start: try begin(reader)
                case .end: try end(reader, into: &sink)
                }
            }
        }

        private mutating func begin(_ reader: XMLReader) throws(ReadingFailure) {
            if reader.isNamed("row") { column = 0 }
            if reader.isNamed("rPh") { phonetic += 1 }
            isValue = (reader.isNamed("v") || reader.isNamed("t") && kind == .inline) && phonetic == 0
            guard reader.isNamed("c") else { return }
            value = []
            cell = try reader.attribute("r").flatMap(SheetText.column) ?? column
            switch try reader.attribute("t") {
            case "s": kind = .shared
            case "inlineStr": kind = .inline
            default: kind = .plain
            }
        }

        private mutating func end(_ reader: XMLReader, into sink: inout TextSink) throws(ReadingFailure) {
            isValue = false
            if reader.isNamed("rPh") { phonetic -= 1 }
            if reader.isNamed("row"), column > 0 { try sink.endLine() }
            guard reader.isNamed("c"), !value.isEmpty else { return }
            let isFirst = column == 0
            let gap = min(max(isFirst ? cell : cell - column + 1, isFirst ? 0 : 1), SheetText.gapLimit)
            try sink.append([UInt8](repeating: 0x09, count: gap))
            // A line break within a cell would look like the next row.
            for byte in kind == .shared ? try strings.text(value) : value[...] {
                try sink.append(byte == 0x0A || byte == 0x0D ? 0x20 : byte)
            }
            column = max(column, cell) + 1
        }
    }
}

/// Texts that cells name by their numbers.
struct SharedStrings {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    init(_ zip: ZipDirectory) throws(ReadingFailure) {
        guard let content = try zip.content(of: "xl/sharedStrings.xml") else { return }
        var reader = XMLReader(content)
        var isText = false
        // How Japanese words are read stands beside them.
        var phonetic = 0
        while let token = try reader.next() {
            switch token {
            case .text(let text): if isText, phonetic == 0 { bytes += text }
            case .start:
                isText = reader.isNamed("t")
                if reader.isNamed("rPh") { phonetic += 1 }
            case .end:
                isText = false
                if reader.isNamed("rPh") { phonetic -= 1 }
                if reader.isNamed("si") { ends.append(bytes.count) }
            }
        }
    }

    /// - Parameter number: In decimal digits.
    func text(_ number: [UInt8]) throws(ReadingFailure) -> ArraySlice<UInt8> {
        guard let index = Int(String(decoding: number, as: UTF8.self)), ends.indices.contains(index) else {
            throw .damaged
        }
        return bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }
}
