import GatehouseCore
import NIOCore

/// The heads of requests that are read past the parser: what is taken holds within its own bytes, whatever comes behind it,
/// and says what a reader would find that splits lines.
enum RequestFuzz {
    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(input)
        guard let head = PlainHead(bytes.span) else { return }
        promise(head.size <= bytes.count, "a head is longer than what came")
        let own = Array(bytes[..<head.size])
        promise(own.suffix(4) == [0x0D, 0x0A, 0x0D, 0x0A], "a head does not end with an empty line")
        let alone = PlainHead(own.span)
        promise(alone?.bodySize == head.bodySize && alone?.token == head.token, "what is behind a head changes it")
        promise(PlainHead(Array(own.dropLast()).span) == nil, "a head is taken before its end")
        check(head, own)
    }

    private static func check(_ head: PlainHead, _ bytes: [UInt8]) {
        promise(bytes.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x0D || $0 == 0x0A }, "a head has odd bytes")
        let text = String(decoding: bytes, as: UTF8.self)
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false).dropLast(2)
        promise(lines.allSatisfy { !$0.contains("\r") && !$0.contains("\n") && !$0.isEmpty }, "a line end is lone")
        func values(_ name: String) -> [String] {
            lines.dropFirst().compactMap { line in
                let colon = line.firstIndex(of: ":") ?? line.endIndex
                guard line[..<colon].lowercased() == name else { return nil }
                return String(line[colon...].dropFirst().drop { $0 == " " })
            }
        }
        promise(values("host").count == 1, "there is not one host")
        promise(values("content-length").count == 1, "there is not one length")
        promise(values("transfer-encoding").isEmpty && values("expect").isEmpty, "there is more to the framing")
        let length = values("content-length").first.flatMap { Int($0.filter { $0 != " " }) }
        promise(length == head.bodySize, "the length is another")
        promise(!head.token.isEmpty && head.token.upperBound <= bytes.count, "the key is not in the head")
    }
}
