/// Small files of many kinds, made here.
package enum Samples {
    // MARK: Pictures

    package static func png(width: Int, height: Int) -> [UInt8] {
        let header = big(width) + big(height) + [8, 0, 0, 0, 0]
        let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
        return signature + chunk("IHDR", header) + chunk("IDAT", [0x78, 0x01, 1, 0, 0, 0xFF, 0xFF, 0, 0, 0, 1])
            + chunk("IEND", [])
    }

    private static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
        let body = Array(name.utf8) + content
        return big(content.count) + body + big(Int(crc(body)))
    }

    /// - Parameter before: Bytes of a segment in front of the one with the size.
    package static func jpeg(width: Int, height: Int, before: [UInt8] = []) -> [UInt8] {
        var bytes: [UInt8] = [0xFF, 0xD8, 0xFF, 0xE0, 0, 16] + Array("JFIF".utf8) + [0, 1, 1, 0, 0, 1, 0, 1, 0, 0]
        if !before.isEmpty { bytes += [0xFF, 0xE1] + Array(big(before.count + 2).suffix(2)) + before }
        bytes += [0xFF, 0xC0, 0, 11, 8] + Array(big(height).suffix(2)) + Array(big(width).suffix(2)) + [1, 1, 0x11, 0]
        return bytes + [0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0x3F, 0, 0x55, 0xFF, 0xD9]
    }

    package static func gif(width: Int, height: Int) -> [UInt8] {
        Array("GIF89a".utf8) + little(width, 2) + little(height, 2)
            + [0x80, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0x2C, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0, 0x3B]
    }

    /// Lossy and extended; the size in both.
    package static func webp(width: Int, height: Int) -> [UInt8] {
        let extended = Array("VP8X".utf8) + little(10, 4) + [0, 0, 0, 0] + little(width - 1, 3) + little(height - 1, 3)
        let frame = [0x30, 1, 0, 0x9D, 1, 0x2A] + little(width & 0x3FFF, 2) + little(height & 0x3FFF, 2) + [0, 0]
        let body = Array("WEBP".utf8) + extended + Array("VP8 ".utf8) + little(frame.count, 4) + frame
        return Array("RIFF".utf8) + little(body.count, 4) + body
    }

    package static func bmp(width: Int, height: Int) -> [UInt8] {
        Array("BM".utf8) + little(70, 4) + [0, 0, 0, 0] + little(54, 4) + little(40, 4) + little(width, 4)
            + little(height, 4)
            + [1, 0, 24, 0] + [UInt8](repeating: 0, count: 40)
    }

    // MARK: Sound

    package static let wav: [UInt8] =
        Array("RIFF".utf8) + little(40, 4) + Array("WAVEfmt ".utf8) + little(16, 4) + [1, 0, 1, 0] + little(8000, 4)
        + little(8000, 4)
        + [1, 0, 8, 0] + Array("data".utf8) + little(4, 4) + [0x80, 0x80, 0x80, 0x80]

    package static let mp3: [UInt8] =
        Array("ID3".utf8) + [3, 0, 0, 0, 0, 0, 10] + [UInt8](repeating: 0, count: 10) + [0xFF, 0xFB, 0x90, 0x64]
        + [UInt8](repeating: 0, count: 413)

    // MARK: Documents

    /// A PDF with a page for each text.
    package static func pdf(_ pages: [String]) -> [UInt8] {
        var objects = ["<< /Type /Catalog /Pages 2 0 R >>"]
        let kids = pages.indices.map { "\(4 + 2 * $0) 0 R" }.joined(separator: " ")
        objects.append("<< /Type /Pages /Kids [\(kids)] /Count \(pages.count) >>")
        objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
        for (index, page) in pages.enumerated() {
            let content = "BT /F1 24 Tf 72 700 Td (\(page)) Tj ET"
            objects.append(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents \(5 + 2 * index) 0 R "
                    + "/Resources << /Font << /F1 3 0 R >> >> >>")
            objects.append("<< /Length \(content.utf8.count) >>\nstream\n\(content)\nendstream")
        }
        return pdf(objects: objects.map { Array($0.utf8) })
    }

    /// A PDF of these objects, the first of which is the catalog.
    package static func pdf(objects: [[UInt8]]) -> [UInt8] {
        var bytes = Array("%PDF-1.4\n".utf8)
        var table = "0000000000 65535 f \n"
        for (index, object) in objects.enumerated() {
            let place = String(bytes.count)
            table += String(repeating: "0", count: max(0, 10 - place.utf8.count)) + place + " 00000 n \n"
            bytes += Array("\(index + 1) 0 obj\n".utf8) + object + Array("\nendobj\n".utf8)
        }
        let start = bytes.count
        return bytes
            + Array(
                "xref\n0 \(objects.count + 1)\n\(table)trailer\n<< /Size \(objects.count + 1) /Root 1 0 R >>\nstartxref\n\(start)\n%%EOF\n"
                    .utf8)
    }

    package static let docx = office(
        "word/document.xml",
        """
        <w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>\
        <w:p><w:r><w:t>Hello</w:t></w:r></w:p></w:body></w:document>
        """)
    package static let xlsx = office("xl/workbook.xml", "<workbook/>")
    package static let pptx = office("ppt/presentation.xml", "<presentation/>")

    private static func office(_ part: String, _ content: String) -> [UInt8] {
        let types =
            #"<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>"#
        return zip([
            ("[Content_Types].xml", Array(types.utf8)), ("_rels/.rels", Array("<Relationships/>".utf8)),
            (part, Array(content.utf8)),
        ])
    }

    // MARK: Archives

    /// A zip file whose members are as they are.
    ///
    /// - Parameter comment: Bytes behind its end.
    package static func zip(_ members: [(name: String, content: [UInt8])], comment: Int = 0) -> [UInt8] {
        var bytes: [UInt8] = []
        var directory: [UInt8] = []
        for (name, content) in members {
            let sizes = little(Int(crc(content)), 4) + little(content.count, 4) + little(content.count, 4)
            let common = [20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0] + sizes + little(name.utf8.count, 2)
            directory +=
                Array("PK\u{1}\u{2}".utf8) + [20, 0] + common + [UInt8](repeating: 0, count: 12)
                + little(bytes.count, 4) + Array(name.utf8)
            bytes += Array("PK\u{3}\u{4}".utf8) + common + [0, 0] + Array(name.utf8) + content
        }
        let count = little(members.count, 2)
        let end =
            [0, 0, 0, 0] + count + count + little(directory.count, 4) + little(bytes.count, 4) + little(comment, 2)
        return bytes + directory + Array("PK\u{5}\u{6}".utf8) + end + [UInt8](repeating: 0x2E, count: comment)
    }

    // MARK: Numbers

    package static func big(_ value: Int) -> [UInt8] { little(value, 4).reversed() }

    package static func little(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    /// CRC-32 as zip and PNG have it.
    package static func crc(_ bytes: [UInt8]) -> UInt32 {
        var sum: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xEDB8_8320 : sum >> 1 }
        }
        return ~sum
    }
}
