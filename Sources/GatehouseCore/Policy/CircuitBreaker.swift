/// Keeps calls away from a deployment that fails, and finds out when it serves again.
///
/// Closed, it counts. Open, it admits nobody for a while. Half-open, it admits a few probes: enough good ones close it,
/// a bad one opens it for longer. A probe that is never reported loses its place after a time, so that no lost caller
/// can keep an upstream out for ever.
package struct CircuitBreaker: Sendable {
    package struct Settings: Sendable, Equatable {
        package var window = Interval.seconds(10)
        /// It opens when so many hundredths of at least `minimumSamples` failed ...
        package var failurePercent = 50
        package var minimumSamples = 10
        /// ... or so many one after the other, however long that took.
        package var failuresInARow = 5
        package var firstPause = Interval.seconds(5)
        /// Each opening without a closing between doubles the pause up to this.
        package var longestPause = Interval.seconds(60)
        /// Probes in flight at a time.
        package var probes = 2
        /// Good probes that close it.
        package var successesToClose = 2
        /// How long a probe may go unreported before its place is given to another.
        package var probeLease = Interval.seconds(60)

        package init() {}
    }

    /// What one attempt says of its deployment.
    package enum Sample: Sendable, Equatable {
        case success, failure
        /// It answered, but did not serve: it lives. Closes a half-open breaker and is no sample for a closed one.
        case alive
        /// Nothing can be said: the caller left, or a limit of this gateway ended it.
        case unknown
    }

    package enum State: Sendable, Equatable {
        case closed
        case open(until: Instant)
        case halfOpen
    }

    /// The right to one attempt, to be recorded once.
    package struct Permit: Sendable, Equatable {
        fileprivate var era: UInt64
        /// The probe's number, where it is one.
        fileprivate var probe: UInt64?

        /// Whether much depends on it: a probe should be an ordinary call, and not be hedged.
        package var isProbe: Bool { probe != nil }
    }

    private enum Phase {
        case closed
        case open(until: Instant)
        case halfOpen(successes: Int)
    }

    /// A probe on its way.
    private struct Probe {
        var number: UInt64
        var lease: Instant
    }

    package let settings: Settings
    private var phase = Phase.closed
    /// Grows with each change of phase: what was admitted in another era says nothing about this one.
    private var era: UInt64 = 0
    private var counts: RollingCounts
    private var failuresInARow = 0
    /// Openings since it was last closed.
    private var openings = 0
    private var probes: [Probe] = []
    private var lastProbe: UInt64 = 0

    package init(_ settings: Settings = Settings()) {
        self.settings = settings
        counts = RollingCounts(window: settings.window, buckets: 10)
        probes.reserveCapacity(max(1, settings.probes))
    }

    package func state(now: Instant) -> State {
        switch phase {
        case .closed: .closed
        case .open(let until): until <= now ? .halfOpen : .open(until: until)
        case .halfOpen: .halfOpen
        }
    }

    /// When it is worth asking again, for a caller that is refused; `nil` when it admits now.
    package func refusesUntil(now: Instant) -> Instant? {
        switch phase {
        case .closed: return nil
        case .open(let until): return until <= now ? nil : until
        case .halfOpen:
            let running = probes.count { $0.lease > now }
            // Full of probes: their verdict is near.
            return running < max(1, settings.probes) ? nil : now + .seconds(1)
        }
    }

    /// Asks for one attempt; `nil` keeps the caller away.
    package mutating func admit(now: Instant) -> Permit? {
        if case .open(let until) = phase, until <= now { enter(.halfOpen(successes: 0)) }
        switch phase {
        case .closed: return Permit(era: era)
        case .open: return nil
        case .halfOpen:
            probes.removeAll { $0.lease <= now }
            guard probes.count < max(1, settings.probes) else { return nil }
            lastProbe &+= 1
            probes.append(Probe(number: lastProbe, lease: now + settings.probeLease))
            return Permit(era: era, probe: lastProbe)
        }
    }

    /// Says what became of an attempt, as soon as it is known: with a stream, when its first event came.
    package mutating func record(
        _ permit: Permit, _ sample: Sample, now: Instant, using generator: inout some RandomNumberGenerator
    ) {
        guard permit.era == era else { return }
        switch phase {
        case .closed: count(sample, now: now, using: &generator)
        case .open: break
        case .halfOpen(let successes):
            // A probe that outlived its lease has lost its place, but what it found is still true.
            probes.removeAll { $0.number == permit.probe }
            switch sample {
            case .failure: open(now: now, using: &generator)
            case .success, .alive:
                phase = .halfOpen(successes: successes + 1)
                if successes + 1 >= settings.successesToClose { reset() }
            case .unknown: break
            }
        }
    }

    /// Closes it and forgets everything, as an operator may ask.
    package mutating func reset() {
        counts.clear()
        failuresInARow = 0
        openings = 0
        enter(.closed)
    }

    private mutating func count(
        _ sample: Sample, now: Instant, using generator: inout some RandomNumberGenerator
    ) {
        switch sample {
        case .alive, .unknown: return
        case .success: failuresInARow = 0
        case .failure: failuresInARow += 1
        }
        counts.add(success: sample == .success, now: now)
        guard sample == .failure else { return }
        let (successes, failures) = counts.counts(now: now)
        let isMany = successes + failures >= settings.minimumSamples
        if failuresInARow >= settings.failuresInARow
            || isMany && failures * 100 >= (successes + failures) * settings.failurePercent
        {
            open(now: now, using: &generator)
        }
    }

    private mutating func open(now: Instant, using generator: inout some RandomNumberGenerator) {
        let longest = min(settings.longestPause, settings.firstPause * (1 << min(openings, 20)))
        openings = min(openings + 1, 20)
        // A quarter of it is left to chance: gateways that saw the same do not come back at once.
        let quarter = Interval(nanoseconds: longest.nanoseconds / 4)
        counts.clear()
        failuresInARow = 0
        enter(.open(until: now + (longest - quarter) + quarter.drawn(using: &generator)))
    }

    private mutating func enter(_ next: Phase) {
        phase = next
        era &+= 1
        probes.removeAll(keepingCapacity: true)
    }
}
