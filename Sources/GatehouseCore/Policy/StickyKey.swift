/// What keeps calls together at one target, so that its prompt cache is met again.
package enum Stickiness: String, Sendable, CaseIterable {
    case none
    /// The caller's session (`X-Session-ID`).
    case session
    /// The end user that the request names.
    case user
    /// The beginning of the conversation: instructions, tools and the first message of a user. All turns of a
    /// conversation share it.
    case prefix
}

extension Stickiness {
    /// The key of a call under this rule; `nil` when the call has nothing to go by.
    ///
    /// - Parameters:
    ///   - owner: The name of the caller's key: two callers' users of one name are two users.
    ///   - request: The call as it was understood; where it is none of generation, only sessions are known.
    package func key(owner: String, session: String?, request: CanonicalRequest?) -> UInt64? {
        switch self {
        case .none: nil
        case .session: session.map { Self.hash([owner, $0]) }
        case .user: request?.user.map { Self.hash([owner, $0]) }
        case .prefix: request.map(Self.prefix)
        }
    }

    /// Owners share it on purpose: a provider's cache knows nothing of them.
    private static func prefix(_ request: CanonicalRequest) -> UInt64 {
        var parts = request.tools.map { $0.name + ($0.description ?? "") }
        for message in request.messages {
            parts.append(message.role.rawValue)
            parts.append(message.text(separator: "\u{0}"))
            if message.role == .user { break }
        }
        return hash(parts)
    }

    private static func hash(_ parts: [String]) -> UInt64 {
        parts.reduce(0) { hash, part in
            // Where one part ends and the next begins must count.
            StickyHash.hash(withUnsafeBytes(of: hash.littleEndian, Array.init) + part.utf8)
        }
    }
}
