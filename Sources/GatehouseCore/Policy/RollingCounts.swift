/// Successes and failures of the last while, in a ring of buckets: the oldest is forgotten as a whole.
struct RollingCounts: Sendable {
    private struct Bucket {
        var number = Int64.min
        var successes = 0
        var failures = 0
    }

    private var buckets: [Bucket]
    private let width: Int64

    init(window: Interval, buckets count: Int) {
        let count = max(1, count)
        buckets = Array(repeating: Bucket(), count: count)
        width = max(1, window.nanoseconds / Int64(count))
    }

    mutating func add(success: Bool, now: Instant) {
        let number = number(now)
        let index = index(number)
        // A clock that steps back counts into the newest of its bucket.
        if buckets[index].number < number { buckets[index] = Bucket(number: number) }
        if success { buckets[index].successes += 1 } else { buckets[index].failures += 1 }
    }

    func counts(now: Instant) -> (successes: Int, failures: Int) {
        let oldest = number(now).subtractingReportingOverflow(Int64(buckets.count)).partialValue
        var sums = (successes: 0, failures: 0)
        for bucket in buckets where bucket.number > oldest {
            sums.successes += bucket.successes
            sums.failures += bucket.failures
        }
        return sums
    }

    mutating func clear() {
        for index in buckets.indices { buckets[index] = Bucket() }
    }

    private func number(_ now: Instant) -> Int64 { now.nanoseconds / width }

    private func index(_ number: Int64) -> Int {
        let rest = Int(number % Int64(buckets.count))
        return rest < 0 ? rest + buckets.count : rest
    }
}
