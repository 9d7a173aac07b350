/// Base64 as the vendors' APIs take it.
package enum Base64Text {
    /// The text in the standard alphabet and padded (RFC 4648 §4). JSON of protocol buffers allows the alphabet for URLs
    /// (§5) as well, and Google's client libraries write it; other vendors refuse that.
    package static func standard(_ text: String) -> String {
        let isPadded = text.utf8.count.isMultiple(of: 4)
        guard !isPadded || text.utf8.contains(where: { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") }) else {
            return text
        }
        var bytes = Array(text.utf8)
        for index in bytes.indices {
            if bytes[index] == UInt8(ascii: "-") { bytes[index] = UInt8(ascii: "+") }
            if bytes[index] == UInt8(ascii: "_") { bytes[index] = UInt8(ascii: "/") }
        }
        while !bytes.count.isMultiple(of: 4) { bytes.append(UInt8(ascii: "=")) }
        return String(decoding: bytes, as: UTF8.self)
    }
}
