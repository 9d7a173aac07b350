/// Carries another vendor's seal through a caller of this dialect and back.
///
/// Callers keep reasoning items and send them back as they are; so a foreign signature travels in an item's
/// `encrypted_content`, marked with the dialect it belongs to and with what it seals. Decoding a request gives the
/// signature back to its part, and the encoder of its own dialect sends it on byte for byte.
package struct ResponsesSeal: Sendable, Equatable {
    package enum Subject: Sendable, Equatable {
        /// The thinking whose summary is beside it.
        case thinking
        /// Thinking that the vendor shows nothing of.
        case redacted
        /// The text before it.
        case text
        /// The function call of this id.
        case call(String)
    }

    package var subject: Subject
    package var signature: Signature

    package init(_ subject: Subject, _ signature: Signature) {
        self.subject = subject
        self.signature = signature
    }

    static let mark = "gatehouse:"

    /// Whether `encrypted` is a seal of this kind, which no vendor can read.
    package static func isForeign(_ encrypted: String) -> Bool { encrypted.hasPrefix(mark) }

    /// Reads `encrypted_content`: a vendor's own is a seal of this dialect on thinking.
    ///
    /// `nil` for one that is marked as ours and cannot be read.
    package init?(encrypted: String) {
        guard Self.isForeign(encrypted) else {
            self.init(.thinking, Signature(.openAIResponses, encrypted))
            return
        }
        let fields = encrypted.split(separator: ":", maxSplits: 3, omittingEmptySubsequences: false)
        guard fields.count == 4, let dialect = Dialect(rawValue: String(fields[1])) else { return nil }
        let rest = fields[3]
        switch fields[2] {
        case "thinking": self.init(.thinking, Signature(dialect, String(rest)))
        case "redacted": self.init(.redacted, Signature(dialect, String(rest)))
        case "text": self.init(.text, Signature(dialect, String(rest)))
        case "call":
            // The id's length comes first: an id may hold any character.
            guard let colon = rest.firstIndex(of: ":"), let length = Int(rest[..<colon]), length >= 0 else {
                return nil
            }
            let bytes = rest[rest.index(after: colon)...].utf8
            guard length <= bytes.count else { return nil }
            let id = String(decoding: bytes.prefix(length), as: UTF8.self)
            let value = String(decoding: bytes.dropFirst(length), as: UTF8.self)
            self.init(.call(id), Signature(dialect, value))
        default: return nil
        }
    }

    /// What goes into `encrypted_content`.
    package var encrypted: String {
        let head = "\(Self.mark)\(signature.dialect.rawValue):"
        switch subject {
        case .thinking where signature.dialect == .openAIResponses: return signature.value
        case .redacted where signature.dialect == .openAIResponses: return signature.value
        case .thinking: return "\(head)thinking:\(signature.value)"
        case .redacted: return "\(head)redacted:\(signature.value)"
        case .text: return "\(head)text:\(signature.value)"
        case .call(let id): return "\(head)call:\(id.utf8.count):\(id)\(signature.value)"
        }
    }
}
