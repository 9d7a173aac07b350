import Synchronization

/// Where a handle's numbers are shown; `nil` for a handle that was refused.
package struct MetricIdentity: Sendable, Hashable {
    package let name: String
    /// As they are shown, braces included; empty without labels.
    package let labels: String
}

/// A number that only grows. Keep the handle: making one looks it up, adding to it is one atomic instruction.
package final class MetricCounter: Sendable {
    package let identity: MetricIdentity?
    private let count = Atomic<UInt64>(0)

    init(_ identity: MetricIdentity?) {
        self.identity = identity
    }

    /// Below zero is nothing: counters do not shrink.
    package func increment(by amount: Int = 1) {
        guard amount > 0 else { return }
        count.wrappingAdd(UInt64(amount), ordering: .relaxed)
    }

    package var value: UInt64 { count.load(ordering: .relaxed) }
}

/// A number that only grows, with fractions.
package final class MetricFloatCounter: Sendable {
    package let identity: MetricIdentity?
    private let sum = AtomicDouble()

    init(_ identity: MetricIdentity?) {
        self.identity = identity
    }

    /// Below zero, and what is not a number, is nothing.
    package func increment(by amount: Double) {
        if amount > 0 { sum.add(amount) }
    }

    package var value: Double { sum.value }
}

/// A number that goes up and down.
package final class MetricGauge: Sendable {
    package let identity: MetricIdentity?
    private let number = AtomicDouble()

    init(_ identity: MetricIdentity?) {
        self.identity = identity
    }

    package func set(_ value: Double) {
        number.set(value)
    }

    package func add(_ amount: Double) {
        number.add(amount)
    }

    package var value: Double { number.value }
}

/// How often values fell into each of a few fixed ranges, and their sum.
package final class MetricHistogram: Sendable {
    package let identity: MetricIdentity?
    /// The upper ends of the ranges, ascending; one more range has no end.
    package let bounds: [Double]
    private let sum = AtomicDouble()
    // Filled before anybody else sees it; the pointer never changes and its elements are atomics.
    nonisolated(unsafe) private let counts: UnsafeMutableBufferPointer<Atomic<UInt64>>

    init(_ identity: MetricIdentity?, bounds: [Double]) {
        self.identity = identity
        self.bounds = bounds
        counts = .allocate(capacity: bounds.count + 1)
        for index in counts.indices { counts.initializeElement(at: index, to: Atomic(0)) }
    }

    deinit {
        counts.deinitialize()
        counts.deallocate()
    }

    /// What is not a number is nothing.
    package func observe(_ value: Double) {
        guard !value.isNaN else { return }
        var index = 0
        while index < bounds.count, value > bounds[index] { index += 1 }
        counts[index].wrappingAdd(1, ordering: .relaxed)
        sum.add(value)
    }

    package func observe(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        observe(Double(seconds) + Double(attoseconds) / 1e18)
    }

    /// For each range, and the sum. The count is that of the ranges, so that the two never disagree.
    package var snapshot: (counts: [UInt64], sum: Double) {
        (counts.indices.map { counts[$0].load(ordering: .relaxed) }, sum.value)
    }
}

extension MetricHistogram {
    /// Seconds, from a cache hit to a long answer.
    package static let secondsBounds: [Double] = [
        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
    ]
    /// Tokens, by powers of four.
    package static let tokenBounds: [Double] = [
        1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304,
    ]
}

/// A number with fractions that many threads add to.
private struct AtomicDouble: ~Copyable, Sendable {
    private let bits = Atomic<UInt64>(0)

    var value: Double { Double(bitPattern: bits.load(ordering: .relaxed)) }

    func set(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = original
        }
    }
}
