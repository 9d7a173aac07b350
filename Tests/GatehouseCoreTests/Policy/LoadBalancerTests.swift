import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct LoadBalancerTests {
    private let start = Instant(nanoseconds: 1 << 40)

    /// Picks and nothing else; how often each target was chosen.
    private func shares(
        _ strategy: LoadBalancer.Strategy, _ targets: [LoadBalancer.Target], picks: Int, passing: Positions = .init(),
        seed: UInt64 = 1
    ) -> [Int] {
        var balancer = LoadBalancer(strategy, targets)
        var generator = SeededGenerator(seed: seed)
        var counts = Array(repeating: 0, count: targets.count)
        for _ in 0..<picks {
            guard let index = balancer.pick(passing: passing, now: start, using: &generator) else { break }
            counts[index] += 1
        }
        return counts
    }

    @Test func weightsAreMetExactlyAndEvenlyMixed() {
        let targets = [LoadBalancer.Target(weight: 5), .init(weight: 1), .init(weight: 1), .init(weight: 0)]
        #expect(shares(.weighted, targets, picks: 700) == [500, 100, 100, 0])
        var balancer = LoadBalancer(.weighted, targets)
        var generator = SeededGenerator(seed: 1)
        let order = (0..<7).map { _ in balancer.pick(now: start, using: &generator) }
        #expect(order == [0, 0, 1, 0, 2, 0, 0])
    }

    @Test func noWeightServesOnlyWhenNothingElseDoes() {
        var passing = Positions()
        passing.insert(0)
        for strategy in LoadBalancer.Strategy.allCases {
            let targets = [LoadBalancer.Target(weight: 3), .init(weight: 0)]
            #expect(shares(strategy, targets, picks: 10) == [10, 0])
            #expect(shares(strategy, targets, picks: 10, passing: passing) == [0, 10])
            #expect(shares(strategy, [], picks: 1).isEmpty)
            #expect(shares(strategy, [.init()], picks: 10, passing: passing) == [0])
        }
    }

    /// No strategy chooses what was passed, and each chooses something while something is left.
    @Test func passesWhatWasPassed() {
        for seed in 0..<4000 as Range<UInt64> {
            var generator = SeededGenerator(seed: seed)
            let strategy = LoadBalancer.Strategy.allCases[Int(seed % 4)]
            let count = Int.random(in: 1...8, using: &generator)
            let targets = (0..<count).map { _ in
                LoadBalancer.Target(
                    weight: Int.random(in: 0...3, using: &generator),
                    inputPrice: Bool.random(using: &generator) ? Double.random(in: 0...9, using: &generator) : nil,
                    outputPrice: 1)
            }
            var balancer = LoadBalancer(strategy, targets)
            var now = start
            for _ in 0..<40 {
                var passing = Positions()
                for index in 0..<count where Bool.random(using: &generator) { passing.insert(index) }
                now = now + .milliseconds(Int.random(in: -10...1000, using: &generator))
                let pick = balancer.pick(passing: passing, now: now, using: &generator)
                guard let pick else {
                    #expect((0..<count).allSatisfy(passing.contains), "seed \(seed)")
                    continue
                }
                #expect(!passing.contains(pick), "seed \(seed)")
                balancer.began(pick)
                guard Bool.random(using: &generator) else { continue }
                let latency = Interval.milliseconds(Int.random(in: 0...9000, using: &generator))
                balancer.firstToken(pick, after: latency, now: now)
                let endings: [LoadBalancer.Ending] = [.failed, .unknown, .served(perToken: latency)]
                balancer.ended(pick, endings[Int.random(in: 0..<3, using: &generator)], now: now)
            }
        }
    }

    @Test func fewestCallsForTheWeight() {
        var balancer = LoadBalancer(.leastInflight, [.init(weight: 1), .init(weight: 3)])
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<40 {
            if let pick = balancer.pick(now: start, using: &generator) { balancer.began(pick) }
        }
        #expect(balancer.inflight(0) == 10 && balancer.inflight(1) == 30)
        for _ in 0..<100 { balancer.ended(1, .unknown, now: start) }
        #expect(balancer.inflight(1) == 0)
        balancer.began(7)
        balancer.ended(-1, .failed, now: start)
        #expect(balancer.inflight(7) == 0)
    }

    @Test func theCheapestForTheSize() {
        let targets = [
            LoadBalancer.Target(inputPrice: 1, outputPrice: 10), .init(inputPrice: 3, outputPrice: 4), .init(),
        ]
        var balancer = LoadBalancer(.cost, targets)
        var generator = SeededGenerator(seed: 1)
        var picks: [Int?] = []
        for size in [LoadBalancer.Size(input: 100_000, output: 10), .init(input: 10, output: 5000)] {
            picks.append(balancer.pick(size: size, now: start, using: &generator))
        }
        #expect(picks == [0, 1])
        var passing = Positions()
        passing.insert(0)
        passing.insert(1)
        let last = balancer.pick(passing: passing, now: start, using: &generator)
        #expect(last == 2)
        // Of equals the idler.
        var twins = LoadBalancer(.cost, [targets[0], targets[0]])
        twins.began(0)
        let idler = twins.pick(now: start, using: &generator)
        #expect(idler == 1)
    }

    /// A world of targets with latencies and failures, ten calls a second; the share that each served in the end.
    private func served(
        _ strategy: LoadBalancer.Strategy, firstToken: [Int], perToken: [Int], failing: [Bool], seed: UInt64
    ) -> [Int] {
        var balancer = LoadBalancer(strategy, firstToken.map { _ in LoadBalancer.Target() })
        var generator = SeededGenerator(seed: seed)
        var counts = Array(repeating: 0, count: firstToken.count)
        var running: [(target: Int, end: Instant)] = []
        for step in 0..<3000 {
            let now = start + .milliseconds(step * 100)
            for call in running where call.end <= now {
                if failing[call.target] {
                    balancer.ended(call.target, .failed, now: now)
                } else {
                    balancer.firstToken(call.target, after: .milliseconds(firstToken[call.target]), now: now)
                    balancer.ended(
                        call.target, .served(perToken: .milliseconds(perToken[call.target])), now: now)
                }
            }
            running.removeAll { $0.end <= now }
            let pick = balancer.pick(size: .init(input: 1, output: 100), now: now, using: &generator)
            guard let pick else { continue }
            counts[pick] += step >= 1000 ? 1 : 0
            balancer.began(pick)
            let latency = failing[pick] ? 1 : firstToken[pick] + 100 * perToken[pick]
            running.append((pick, now + .milliseconds(latency)))
        }
        return counts
    }

    @Test func theFasterGetsMoreAndTheSlowerIsNotForgotten() {
        for seed in 0..<20 as Range<UInt64> {
            let counts = served(
                .latency, firstToken: [200, 2000], perToken: [10, 10], failing: [false, false], seed: seed)
            #expect(counts[0] > counts[1] * 3 / 2 && counts[1] > 0, "seed \(seed): \(counts)")
            // The same first token, but one talks slowly.
            let talk = served(
                .latency, firstToken: [500, 500], perToken: [5, 50], failing: [false, false], seed: seed)
            #expect(talk[0] > talk[1] * 2 && talk[1] > 0, "seed \(seed): \(talk)")
        }
    }

    /// What fails at once has nothing on its way and no bad latency: it must not draw the calls.
    @Test(arguments: [LoadBalancer.Strategy.latency, .leastInflight])
    func aQuickFailureIsNoGoodService(strategy: LoadBalancer.Strategy) {
        for seed in 0..<20 as Range<UInt64> {
            let counts = served(
                strategy, firstToken: [300, 300, 300], perToken: [2, 2, 2], failing: [true, false, false], seed: seed)
            #expect(counts[0] * 5 < counts[1] + counts[2], "seed \(seed): \(counts)")
        }
    }

    @Test func nobodyWhoServesAlikeStarves() {
        for seed in 0..<50 as Range<UInt64> {
            for strategy in LoadBalancer.Strategy.allCases {
                let counts = served(
                    strategy, firstToken: [300, 300, 300, 300], perToken: [3, 3, 3, 3],
                    failing: [false, false, false, false], seed: seed)
                #expect(counts.allSatisfy { $0 > 250 }, "seed \(seed), \(strategy): \(counts)")
            }
        }
    }

    /// Also not when it served before it failed, and for longer than latencies are remembered.
    @Test func longFailureDoesNotLookLikeLongAgo() {
        var balancer = LoadBalancer(.latency, [.init(), .init()])
        var generator = SeededGenerator(seed: 1)
        for target in 0...1 { balancer.firstToken(target, after: .seconds(1), now: start) }
        var sick = 0
        for second in 1...2000 {
            let now = start + .seconds(second)
            guard let pick = balancer.pick(now: now, using: &generator) else { continue }
            balancer.began(pick)
            if pick == 0 {
                sick += 1
                balancer.ended(0, .failed, now: now)
            } else {
                balancer.firstToken(1, after: .seconds(1), now: now)
                balancer.ended(1, .served(perToken: nil), now: now)
            }
        }
        #expect(sick > 0 && sick < 200)
    }

    /// Before anything is known a target is tried by one call at a time.
    @Test func theUnknownIsNotFlooded() {
        var balancer = LoadBalancer(.latency, [.init(), .init()])
        var generator = SeededGenerator(seed: 1)
        balancer.firstToken(0, after: .seconds(1), now: start)
        let picks = (0..<20).map { _ -> Int? in
            let pick = balancer.pick(now: start, using: &generator)
            if let pick { balancer.began(pick) }
            return pick
        }
        #expect(picks.first == 1 && picks.count { $0 == 1 } == 1)
    }
}
