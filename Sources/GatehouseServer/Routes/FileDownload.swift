import GatehouseCore
import HTTPTypes
import Hummingbird
import NIOCore

/// The content of a file that somebody else wrote, as a response: it is saved, not shown, unless that can do no harm; and
/// nothing in it may run or reach anything.
struct FileDownload {
    let name: String
    let type: String
    var isShown = false
    /// What tells this content from others.
    var tag: String?
    let content: any FileContent

    private static let pieceSize = 128 << 10

    /// - Parameter request: Whose one range of bytes, where it asks for one, is answered with that part (RFC 9110 §14).
    /// - Throws: `range_not_satisfiable`.
    func response(to request: Request) throws(GatehouseError) -> Response {
        let range = try ByteRange.wanted(request.headers[.range], size: content.size)
        var headers = HTTPFields()
        headers[.contentType] = type
        headers[.contentDisposition] = ContentDisposition.value(name, isShown: isShown)
        headers[.acceptRanges] = "bytes"
        headers[.cacheControl] = "private, no-store"
        headers[.eTag] = tag.map { "\"\($0)\"" }
        for (field, value) in [
            ("x-content-type-options", "nosniff"), ("content-security-policy", "default-src 'none'; sandbox"),
            ("cross-origin-resource-policy", "same-origin"), ("referrer-policy", "no-referrer"),
            ("vary", "Authorization"),
        ] {
            if let field = HTTPField.Name(field) { headers[field] = value }
        }
        if let range {
            headers[.contentRange] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(content.size)"
        }
        let part = range ?? 0..<content.size
        return Response(status: range == nil ? .ok : .partialContent, headers: headers, body: body(part))
    }

    private func body(_ part: Range<Int>) -> ResponseBody {
        ResponseBody(contentLength: part.count) { [content] writer in
            var offset = part.lowerBound
            while offset < part.upperBound {
                let piece = try await content.read(at: offset, count: min(Self.pieceSize, part.upperBound - offset))
                // A file that became shorter cannot be sent whole; the caller's connection tells.
                guard piece.readableBytes > 0 else { throw CancellationError() }
                offset += piece.readableBytes
                try await writer.write(piece)
            }
            try await writer.finish(nil)
        }
    }
}

/// One range of a content.
enum ByteRange {
    /// The bytes that a `Range` header asks for; `nil` for all, also where it asks for several ranges or in other units:
    /// both may be ignored.
    static func wanted(_ header: String?, size: Int) throws(GatehouseError) -> Range<Int>? {
        guard let header, header.lowercased().hasPrefix("bytes=") else { return nil }
        let ends = header.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false).map {
            $0.filter { $0 != " " }
        }
        guard ends.count == 2, !ends[0].contains(","), !ends[1].contains(","), ends.contains(where: { !$0.isEmpty }),
            ends.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } })
        else { return nil }
        // Numbers beyond what can be counted are beyond the end of any file.
        let (first, last) = (Int(ends[0]) ?? .max, Int(ends[1]) ?? .max)
        if ends[0].isEmpty {
            guard last > 0, size > 0 else { throw unsatisfiable(size) }
            return max(0, size - min(last, size))..<size
        }
        guard ends[1].isEmpty || first <= last else { return nil }
        guard first < size else { throw unsatisfiable(size) }
        return first..<(ends[1].isEmpty || last >= size ? size : last + 1)
    }

    private static func unsatisfiable(_ size: Int) -> GatehouseError {
        GatehouseError(
            .rangeNotSatisfiable, "The file has \(size) bytes; the range begins behind them.", param: "range")
    }
}

/// The header that says under which name a file is to be saved.
enum ContentDisposition {
    /// The last part of a path, for old readers without what is not plain, for others in full.
    static func value(_ path: String, isShown: Bool) -> String {
        let name = path.split(separator: "/").last.map(String.init) ?? "file"
        let plain = String(
            name.unicodeScalars.map { scalar in
                isPlain(scalar) ? Character(scalar) : "_"
            })
        let full = name.utf8.map { byte -> String in
            let scalar = Unicode.Scalar(byte)
            if byte < 0x80, isPlain(scalar), scalar != " " { return String(Character(scalar)) }
            let digits = String(byte, radix: 16, uppercase: true)
            return digits.utf8.count == 1 ? "%0" + digits : "%" + digits
        }.joined()
        return "\(isShown ? "inline" : "attachment"); filename=\"\(plain)\"; filename*=UTF-8''\(full)"
    }

    private static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-", " ": true
        default: false
        }
    }
}
