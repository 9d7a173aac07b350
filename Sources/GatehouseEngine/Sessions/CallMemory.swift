package import GatehouseCore

/// What calls leave behind for those that go on from them. A class: each call is handed it several times.
package final class CallMemory: Sendable {
    package let seals: SealMemory
    package let conversations: any ConversationStore
    /// Reads uploaded files; `nil` where none are kept.
    package let files: FileLoader?
    /// Takes calls that are to go on without their callers; `nil` where that is not offered.
    package let runs: RunService?
    /// Sessions in which a turn is being answered.
    package let turns: SessionTurns
    /// How fast callers may call.
    package let limiter: RateLimiter
    /// Knows calls by the names that their callers gave them; `nil` where none are kept.
    package let idempotency: IdempotencyDesk?
    /// Answers for equal requests; `nil` where none are kept.
    package let cache: ResponseCache?
    /// What calls cost; `nil` where nobody keeps accounts.
    package let accounting: Accounting?

    package init(
        seals: SealMemory = SealMemory(), conversations: any ConversationStore = ConversationMemory(),
        files: FileLoader? = nil, runs: RunService? = nil, turns: SessionTurns = SessionTurns(),
        limiter: RateLimiter = RateLimiter(), idempotency: IdempotencyDesk? = nil,
        cache: ResponseCache? = nil, accounting: Accounting? = nil
    ) {
        self.seals = seals
        self.conversations = conversations
        self.files = files
        self.runs = runs
        self.turns = turns
        self.limiter = limiter
        self.idempotency = idempotency
        self.cache = cache
        self.accounting = accounting
    }

    /// The same, for calls that may begin runs.
    package func offering(_ runs: RunService) -> CallMemory {
        CallMemory(
            seals: seals, conversations: conversations, files: files, runs: runs, turns: turns,
            limiter: limiter, idempotency: idempotency, cache: cache, accounting: accounting)
    }
}
