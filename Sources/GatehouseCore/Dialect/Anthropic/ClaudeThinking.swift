extension CanonicalRequest {
    /// The model shall go on after calls that it made without thinking, or whose thinking was another vendor's: Claude
    /// refuses to think within a budget then, wherever it is hosted.
    ///
    /// - Parameter isOurs: Whether the host takes this seal.
    func endsInUnthoughtCalls(_ isOurs: (Signature) -> Bool) -> Bool {
        let turns = messages.filter { $0.role != .system }
        guard let end = turns.lastIndex(where: { $0.role == .assistant }),
            turns[(end + 1)...].contains(where: { $0.parts.contains { $0.toolResult != nil } })
        else { return false }
        let start = turns[..<end].lastIndex { $0.role != .assistant }.map { $0 + 1 } ?? 0
        guard let first = turns[start].parts.first, first.thinking != nil, let signature = first.signature else {
            return true
        }
        return !isOurs(signature)
    }
}
