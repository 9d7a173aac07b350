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
    private let books: Books

    /// What is kept of calls that were made: each is `nil` where nobody keeps it.
    package struct Books: Sendable {
        /// Knows calls by the names that their callers gave them.
        package var idempotency: IdempotencyDesk?
        /// Answers for equal requests.
        package var cache: ResponseCache?
        /// What calls cost.
        package var accounting: Accounting?

        package init(
            idempotency: IdempotencyDesk? = nil, cache: ResponseCache? = nil, accounting: Accounting? = nil
        ) {
            self.idempotency = idempotency
            self.cache = cache
            self.accounting = accounting
        }
    }

    package var idempotency: IdempotencyDesk? { books.idempotency }
    package var cache: ResponseCache? { books.cache }
    package var accounting: Accounting? { books.accounting }

    package init(
        seals: SealMemory = SealMemory(), conversations: any ConversationStore = ConversationMemory(),
        files: FileLoader? = nil, runs: RunService? = nil, turns: SessionTurns = SessionTurns(),
        limiter: RateLimiter = RateLimiter(), books: Books = Books()
    ) {
        self.seals = seals
        self.conversations = conversations
        self.files = files
        self.runs = runs
        self.turns = turns
        self.limiter = limiter
        self.books = books
    }

    /// The same, for calls that may begin runs.
    package func offering(_ runs: RunService) -> CallMemory {
        CallMemory(
            seals: seals, conversations: conversations, files: files, runs: runs, turns: turns,
            limiter: limiter, books: books)
    }
}
