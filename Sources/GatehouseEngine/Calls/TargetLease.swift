import GatehouseCore

/// A place at one target of a plan, with the key to use there, from the moment a call is let in until it is out.
struct TargetLease {
    /// The target's position in the plan.
    let index: Int
    /// The position of the key among the provider's, or of the account among the agent's.
    let key: Int
    /// The place at an agent's account.
    let account: AccountBook.Lease?
    /// The leave of the breaker; taken out once it was told what came of it.
    var permit: CircuitBreaker.Permit?
    var began = Instant.distantPast
    var hasBegun = false
    /// The first event of an answer came.
    var hasAnswered = false
    /// From the first event of a stream to now, by the tokens of its answer.
    var firstEvent = Instant.distantPast

    init(index: Int, key: Int, account: AccountBook.Lease? = nil, permit: CircuitBreaker.Permit?) {
        self.index = index
        self.key = key
        self.account = account
        self.permit = permit
    }

    /// The time that each token took, for an answer of some length.
    func perToken(_ tokens: Int?, now: Instant) -> Interval? {
        guard hasAnswered, let tokens, tokens >= 8 else { return nil }
        return Interval(nanoseconds: (now - firstEvent).nanoseconds / Int64(clamping: tokens))
    }
}
