/// The text of documents that are zip files with XML in them.
package enum OfficeText {
    package enum Kind: String, Sendable, CaseIterable {
        case docx, xlsx, pptx
    }

    /// - Parameter file: All of it.
    package static func text(of file: [UInt8], kind: Kind) throws(ReadingFailure) -> [UInt8] {
        let zip = try ZipDirectory(file)
        var sink = TextSink()
        switch kind {
        case .docx: try WordText.read(zip, into: &sink)
        case .xlsx: try SheetText.read(zip, into: &sink)
        case .pptx: try SlideText.read(zip, into: &sink)
        }
        try sink.endLine()
        return sink.bytes
    }

    /// A part that there must be.
    static func part(_ name: String, of zip: ZipDirectory) throws(ReadingFailure) -> XMLReader {
        guard let content = try zip.content(of: name) else { throw .damaged }
        return XMLReader(content)
    }

    /// What the ids in a part stand for: parts beside it, by their names in the archive.
    static func targets(of part: String, in zip: ZipDirectory) throws(ReadingFailure) -> [String: String] {
        let folder = part.split(separator: "/").dropLast().joined(separator: "/")
        let file = part.split(separator: "/").last ?? ""
        guard let content = try zip.content(of: "\(folder)/_rels/\(file).rels") else { return [:] }
        var reader = XMLReader(content)
        var targets: [String: String] = [:]
        while let token = try reader.next() {
            guard case .start = token, reader.isNamed("Relationship"), try reader.attribute("TargetMode") != "External",
                let id = try reader.attribute("Id"), let target = try reader.attribute("Target")
            else { continue }
            targets[id] = target.hasPrefix("/") ? String(target.dropFirst()) : "\(folder)/\(target)"
        }
        return targets
    }

    /// The ids that the elements of this name have, in their order, each with its name if it has one.
    static func list(
        _ element: StaticString, in part: String, of zip: ZipDirectory
    ) throws(ReadingFailure) -> [(id: String, name: String)] {
        var reader = try self.part(part, of: zip)
        var list: [(id: String, name: String)] = []
        while let token = try reader.next() {
            guard case .start = token, reader.isNamed(element), let id = try reader.attribute("r:id") else { continue }
            list.append((id, try reader.attribute("name") ?? ""))
            guard list.count <= ZipDirectory.memberLimit else { throw .unpacked }
        }
        return list
    }
}

/// The paragraphs of a Word document, then its notes.
enum WordText {
    static func read(_ zip: ZipDirectory, into sink: inout TextSink) throws(ReadingFailure) {
        guard let document = try zip.content(of: "word/document.xml") else { throw .damaged }
        try read(XMLReader(document), into: &sink)
        for notes in ["word/footnotes.xml", "word/endnotes.xml"] {
            guard let content = try zip.content(of: notes) else { continue }
            try sink.endLine()
            try read(XMLReader(content), into: &sink)
        }
    }

    private static func read(_ document: XMLReader, into sink: inout TextSink) throws(ReadingFailure) {
        var reader = document
        var isText = false
        var tables = 0
        // What is shown only by programs that cannot show the same in another form.
        var fallback = 0
        while let token = try reader.next() {
            switch token {
            case .text(let text): if isText, fallback == 0 { try sink.append(text) }
            case .start:
                if reader.isNamed("Fallback") { fallback += 1 }
                if reader.isNamed("tbl") { tables += 1 }
                isText = reader.isNamed("t")
                if reader.isNamed("tab") { try sink.append(0x09) }
                if reader.isNamed("br") || reader.isNamed("cr") { try sink.append(0x0A) }
            case .end:
                isText = false
                if reader.isNamed("Fallback") { fallback -= 1 }
                if reader.isNamed("tbl") { tables -= 1 }
                if reader.isNamed("p") { tables > 0 ? try sink.blank() : try sink.append(0x0A) }
                if reader.isNamed("tc") { try sink.endCell() }
                if reader.isNamed("tr") { try sink.endLine() }
            }
        }
    }
}

/// The slides of a presentation, in their order.
enum SlideText {
    private static let main = "ppt/presentation.xml"

    static func read(_ zip: ZipDirectory, into sink: inout TextSink) throws(ReadingFailure) {
        let targets = try OfficeText.targets(of: main, in: zip)
        var number = 0
        for slide in try OfficeText.list("sldId", in: main, of: zip) {
            guard let name = targets[slide.id] else { throw .damaged }
            number += 1
            try sink.heading("Slide \(number)")
            try read(try OfficeText.part(name, of: zip), into: &sink)
        }
    }

    private static func read(_ slide: XMLReader, into sink: inout TextSink) throws(ReadingFailure) {
        var reader = slide
        var isText = false
        while let token = try reader.next() {
            switch token {
            case .text(let text): if isText { try sink.append(text) }
            case .start:
                isText = reader.isNamed("t")
                if reader.isNamed("br") { try sink.append(0x0A) }
            case .end:
                isText = false
                if reader.isNamed("p") { try sink.endLine() }
            }
        }
    }
}
