/// A moving average that believes bad news at once and good news slowly, and forgets both with time.
///
/// What is not used for long looks better and better until somebody tries it: nothing stays shunned for one bad moment.
struct PeakEstimate: Sendable {
    /// In this time old news lose half of their weight.
    static let memory = Interval.seconds(30)

    private var value = 0.0
    private var seen: Instant?

    var isKnown: Bool { seen != nil }

    mutating func observe(_ sample: Double, now: Instant) {
        guard sample.isFinite, sample >= 0 else { return }
        let old = value(now: now)
        // The rest of the weight goes to the sample: `old` has lost its part already.
        value = max(sample, seen.map { old + sample * (1 - Self.weight($0, now)) } ?? sample)
        seen = now
    }

    /// A try that said nothing about the value: it must not look better for having been tried.
    mutating func hold(now: Instant) {
        if seen != nil { seen = now }
    }

    func value(now: Instant) -> Double {
        guard let seen else { return 0 }
        return value * Self.weight(seen, now)
    }

    private static func weight(_ seen: Instant, _ now: Instant) -> Double {
        memory.inSeconds / (memory.inSeconds + max(0, (now - seen).inSeconds))
    }
}
