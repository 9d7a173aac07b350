/// Chooses among the targets of one step of a route.
///
/// It keeps what the strategies need to know of each target: calls on their way, failures and latencies. Who holds it
/// reports the beginning and the end of every attempt, each once.
package struct LoadBalancer: Sendable {
    package enum Strategy: String, Sendable, CaseIterable {
        /// Turns in proportion to the weights, evenly mixed.
        case weighted
        /// The fewest calls on their way for its weight.
        case leastInflight = "least-inflight"
        /// The better of two by latency: two, so that not everybody runs to the same best one.
        case latency
        /// The cheapest for the size of the call.
        case cost
    }

    package struct Target: Sendable, Equatable {
        /// 0: only when there is nothing else.
        package var weight = 1
        /// Of a million tokens read and written, in any one currency; `nil` is dearer than any price.
        package var inputPrice: Double?
        package var outputPrice: Double?

        package init(weight: Int = 1, inputPrice: Double? = nil, outputPrice: Double? = nil) {
            self.weight = weight
            self.inputPrice = inputPrice
            self.outputPrice = outputPrice
        }
    }

    /// How large a call is expected to be, in tokens.
    package struct Size: Sendable, Equatable {
        package var input: Int
        package var output: Int

        package init(input: Int = 1000, output: Int = 250) {
            self.input = input
            self.output = output
        }
    }

    /// How an attempt ended, as far as it says something about the target.
    package enum Ending: Sendable, Equatable {
        /// - `perToken`: from the first token to the last, by their number.
        case served(perToken: Interval?)
        case failed
        /// The caller left, or was refused for a reason of its own.
        case unknown
    }

    private struct Record {
        var weight: Double
        var inputPrice: Double?
        var outputPrice: Double?
        /// Of the turns by weight.
        var turn = 0
        var inflight = 0
        var firstToken = PeakEstimate()
        var perToken = PeakEstimate()
        /// The share of attempts that failed lately.
        var failures = 0.0
        var failed = Instant.distantPast
    }

    package let strategy: Strategy
    private var records: [Record]

    package init(_ strategy: Strategy, _ targets: [Target]) {
        self.strategy = strategy
        records = targets.prefix(Positions.capacity).map {
            Record(
                weight: Double(min(max($0.weight, 0), 1_000_000)), inputPrice: $0.inputPrice,
                outputPrice: $0.outputPrice)
        }
    }

    /// Calls on their way to a target.
    package func inflight(_ target: Int) -> Int {
        records.indices.contains(target) ? records[target].inflight : 0
    }

    /// The target for a call, but none of `passed`; `nil` when none is left.
    package mutating func pick(
        passing passed: Positions = Positions(), size: Size = Size(), now: Instant,
        using generator: inout some RandomNumberGenerator
    ) -> Int? {
        var open = Positions()
        var count = 0
        for wantsWeight in [true, false] where count == 0 {
            for index in records.indices where !passed.contains(index) && (records[index].weight > 0 || !wantsWeight) {
                open.insert(index)
                count += 1
            }
        }
        guard count > 0 else { return nil }
        switch strategy {
        case .weighted: return turn(open)
        case .leastInflight: return least(open, using: &generator) { crowd($0, now) }
        case .latency: return betterOfTwo(open, count, size, now, using: &generator)
        case .cost: return cheapest(open, size, now, using: &generator)
        }
    }

    // MARK: Reports

    /// An attempt at the target begins.
    package mutating func began(_ target: Int) {
        guard records.indices.contains(target) else { return }
        records[target].inflight += 1
    }

    /// The first token of an attempt came.
    package mutating func firstToken(_ target: Int, after latency: Interval, now: Instant) {
        guard records.indices.contains(target) else { return }
        records[target].firstToken.observe(latency.inSeconds, now: now)
    }

    /// The attempt is over.
    package mutating func ended(_ target: Int, _ ending: Ending, now: Instant) {
        guard records.indices.contains(target) else { return }
        records[target].inflight = max(0, records[target].inflight - 1)
        switch ending {
        case .unknown: return
        case .served(let perToken):
            if let perToken { records[target].perToken.observe(perToken.inSeconds, now: now) }
            noteFailures(target, sample: 0, now)
        case .failed:
            records[target].firstToken.hold(now: now)
            records[target].perToken.hold(now: now)
            noteFailures(target, sample: 1, now)
        }
    }

    private mutating func noteFailures(_ target: Int, sample: Double, _ now: Instant) {
        let old = failures(target, now)
        records[target].failures = old + (sample - old) / 10
        records[target].failed = now
    }

    // MARK: Strategies

    /// Smooth weighted round robin: everybody gains its weight, the richest serves and pays for all.
    private mutating func turn(_ open: Positions) -> Int? {
        var best: Int?
        var total = 0
        for index in records.indices where open.contains(index) {
            let weight = max(1, Int(records[index].weight))
            records[index].turn += weight
            total += weight
            if best.map({ records[index].turn > records[$0].turn }) ?? true { best = index }
        }
        if let best { records[best].turn -= total }
        return best
    }

    /// The target of the least score; chance decides between equals.
    private func least(
        _ open: Positions, using generator: inout some RandomNumberGenerator, _ score: (Int) -> Double
    ) -> Int? {
        var best: (index: Int, score: Double)?
        var equals: UInt64 = 1
        for index in records.indices where open.contains(index) {
            let score = score(index)
            guard let leader = best, score >= leader.score else {
                best = (index, score)
                equals = 1
                continue
            }
            guard score == leader.score else { continue }
            equals += 1
            if generator.next(upperBound: equals) == 0 { best = (index, score) }
        }
        return best?.index
    }

    private func betterOfTwo(
        _ open: Positions, _ count: Int, _ size: Size, _ now: Instant, using generator: inout some RandomNumberGenerator
    ) -> Int? {
        var pair = Positions()
        let first = Int(generator.next(upperBound: UInt64(count)))
        let other = count > 1 ? Int(generator.next(upperBound: UInt64(count - 1))) : first
        var rank = 0
        for index in records.indices where open.contains(index) {
            if rank == first || rank == (other >= first && count > 1 ? other + 1 : other) { pair.insert(index) }
            rank += 1
        }
        return least(pair, using: &generator) { delay($0, size, now) }
    }

    private func cheapest(
        _ open: Positions, _ size: Size, _ now: Instant, using generator: inout some RandomNumberGenerator
    ) -> Int? {
        var lowest = Double.infinity
        for index in records.indices where open.contains(index) { lowest = min(lowest, price(index, size)) }
        return least(open, using: &generator) { price($0, size) == lowest ? crowd($0, now) : .infinity }
    }

    // MARK: Scores

    private func price(_ target: Int, _ size: Size) -> Double {
        guard let input = records[target].inputPrice, let output = records[target].outputPrice else { return .infinity }
        return input * Double(max(0, size.input)) + output * Double(max(0, size.output))
    }

    /// Calls on their way, this one too, for the weight; more when it fails. What fails at once has few on their way,
    /// and would draw all calls to itself.
    private func crowd(_ target: Int, _ now: Instant) -> Double {
        Double(records[target].inflight + 1) / max(1, records[target].weight) * attempts(target, now)
    }

    /// The time in which a call may be answered there.
    private func delay(_ target: Int, _ size: Size, _ now: Instant) -> Double {
        let record = records[target]
        let crowd = crowd(target, now)
        guard record.firstToken.isKnown else {
            // Worth a try, but only one at a time, and not soon again when it failed.
            return record.inflight == 0 && failures(target, now) < 0.05 ? 0 : crowd * 1e6
        }
        let perToken = record.perToken.value(now: now) * Double(max(0, size.output))
        return (record.firstToken.value(now: now) + perToken) * crowd
    }

    /// Attempts that an answer takes, by the failures of late.
    private func attempts(_ target: Int, _ now: Instant) -> Double {
        1 / max(0.05, 1 - failures(target, now))
    }

    private func failures(_ target: Int, _ now: Instant) -> Double {
        let age = max(0, (now - records[target].failed).inSeconds)
        let memory = PeakEstimate.memory.inSeconds
        return records[target].failures * memory / (memory + age)
    }
}
