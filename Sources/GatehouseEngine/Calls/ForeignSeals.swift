import GatehouseCore
import NIOCore

/// Finds conversations that went on from another vendor's answer: its seals travel through the caller under a mark of
/// this gateway's own, and the vendor of today would refuse them.
enum ForeignSeals {
    /// Whether a body of a dialect that carries such seals holds the mark. A text that only speaks of it is found too; it
    /// costs such a call the byte lane and nothing else.
    static func mayBe(in call: CallRequest) -> Bool {
        switch call.operation {
        case .messages: contains("gatehouse:", call.body)
        case .responses: contains("gatehouse:", call.body) || contains("rs_gh_", call.body)
        default: false
        }
    }

    private static func contains(_ mark: StaticString, _ body: ByteBuffer) -> Bool {
        let bytes = body.readableBytesUInt8Span
        let length = mark.utf8CodeUnitCount
        guard bytes.count >= length else { return false }
        for start in 0...(bytes.count - length) where bytes[start] == mark.utf8Start[0] {
            var offset = 1
            while offset < length, bytes[start + offset] == mark.utf8Start[offset] { offset += 1 }
            if offset == length { return true }
        }
        return false
    }
}
