/// A bug that is put into a world, at the seams between the gateway and everything else, to see whether it is found.
package enum Plant: String, Sendable, CaseIterable {
    /// The stream of an answer is ended twice, or not at all; a call is settled twice.
    case endsTwice = "ends-twice"
    case neverEnds = "never-ends"
    case settlesTwice = "settles-twice"
    /// Another attempt begins behind the first bytes of an answer.
    case retriesBehindCommit = "retries-behind-commit"
    /// Every failure is told as if the upstream had not got the request.
    case forgetsBilling = "forgets-billing"
    /// A call has four attempts; every call has a budget of its own.
    case fourAttempts = "four-attempts"
    case budgetForEach = "budget-for-each"
    /// An answer that broke off is given its end, or an error is followed by one.
    case makesUpEnding = "makes-up-ending"
    case endsErrorWell = "ends-error-well"
    /// Bytes of an answer are lost.
    case losesBytes = "loses-bytes"
    /// What failed once stays shunned.
    case neverHeals = "never-heals"
    /// Timers go on that were cancelled; attempts are not let go.
    case keepsTimers = "keeps-timers"
    case keepsAttempts = "keeps-attempts"
    /// Attempts are cancelled a moment late.
    case cancelsLate = "cancels-late"
    /// Upstreams are read whether or not the client takes anything.
    case readsOn = "reads-on"
    /// Each call of every key but the first counts as another key's.
    case manyNames = "many-names"
    /// A call gets more time than it allowed itself.
    case patient = "patient"
    /// An upstream gets as many calls at a time as there are.
    case noBulkhead = "no-bulkhead"
    /// Nobody hears for how long to wait.
    case deafToWaits = "deaf-to-waits"

    /// Who has to find it.
    package var invariant: String {
        switch self {
        case .endsTwice, .neverEnds, .settlesTwice: OneOutcome.name
        case .retriesBehindCommit: NoRetryAfterCommit.name
        case .forgetsBilling: NoMaybeBilledRepeat.name
        case .fourAttempts, .budgetForEach: Amplification.name
        case .makesUpEnding, .endsErrorWell, .losesBytes: NoMadeUpEnding.name
        case .neverHeals: BreakerLiveness.name
        case .keepsTimers, .keepsAttempts: SettledReservations.name
        case .cancelsLate: Cancellation.name
        case .readsOn: BackPressure.name
        case .manyNames: NoStarvation.name
        case .patient: Deadlines.name
        case .noBulkhead: Bulkhead.name
        case .deafToWaits: RespectsWaits.name
        }
    }
}
