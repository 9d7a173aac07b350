import GatehouseCore

/// Watches a world and says what is wrong in it.
final class Oracle {
    let facts: Facts
    private(set) var violation: Violation?
    /// Nothing that happens now counts.
    var isDeaf = false
    /// Of everything that happened, in order.
    private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var events = 0
    private let trace: ((Event) -> Void)?

    private var oneOutcome = OneOutcome()
    private var noRetryAfterCommit = NoRetryAfterCommit()
    private var noMaybeBilledRepeat = NoMaybeBilledRepeat()
    private var amplification = Amplification()
    private var noMadeUpEnding = NoMadeUpEnding()
    private var settledReservations = SettledReservations()
    private var cancellation = Cancellation()
    private var backPressure = BackPressure()
    private var breakerLiveness = BreakerLiveness()
    private var deadlines = Deadlines()
    private var noStarvation = NoStarvation()
    private var respectsWaits = RespectsWaits()
    private var bulkhead = Bulkhead()

    /// The names of all invariants, and of what is compared between two runs of a seed.
    static let names = [
        OneOutcome.name, NoRetryAfterCommit.name, NoMaybeBilledRepeat.name, Amplification.name, NoMadeUpEnding.name,
        NoStarvation.name, BreakerLiveness.name, SettledReservations.name, Cancellation.name, Deadlines.name,
        BackPressure.name, RespectsWaits.name, Bulkhead.name, replay,
    ]
    static let replay = "replay"

    init(_ plan: WorldPlan, trace: ((Event) -> Void)? = nil) {
        facts = Facts(plan)
        self.trace = trace
    }

    func note(_ event: Event) {
        guard violation == nil, !isDeaf else { return }
        trace?(event)
        mix(event)
        check(&oneOutcome, event)
        check(&noRetryAfterCommit, event)
        check(&noMaybeBilledRepeat, event)
        check(&amplification, event)
        check(&noMadeUpEnding, event)
        check(&settledReservations, event)
        check(&cancellation, event)
        check(&backPressure, event)
        check(&breakerLiveness, event)
        check(&deadlines, event)
        check(&noStarvation, event)
        check(&respectsWaits, event)
        check(&bulkhead, event)
        facts.take(event)
    }

    private func check(_ invariant: inout some Invariant, _ event: Event) {
        guard violation == nil, let problem = invariant.see(event, facts) else { return }
        let subject = event.call >= 0 ? "call \(event.call): " : ""
        violation = Violation(
            invariant: type(of: invariant).name, problem: subject + problem, time: event.time.nanoseconds)
    }

    private func mix(_ event: Event) {
        events += 1
        for part in [
            Int(event.kind.rawValue), Int(event.time.nanoseconds), event.call, event.attempt, event.value,
        ] {
            hash = (hash ^ UInt64(bitPattern: Int64(part))) &* 0x100_0000_01b3
            hash ^= hash >> 29
        }
    }
}
