import Glibc

/// Runs many worlds, on as many threads as are wanted, and tells what became of them.
package struct Runner: Sendable {
    /// More broken worlds than these tell nothing new.
    private static let enough = 10
    private let options: Options

    package init(_ options: Options) {
        self.options = options
    }

    private struct Sum: Sendable {
        var worlds: UInt64 = 0
        var calls = 0
        var events = 0
        var broken: [(seed: UInt64, violation: Violation)] = []

        mutating func add(_ other: Sum) {
            worlds += other.worlds
            calls += other.calls
            events += other.events
            broken += other.broken
        }
    }

    /// - Returns: Whether every invariant held.
    package func run() async -> Bool {
        if options.trace { return replay() }
        let clock = ContinuousClock()
        let start = clock.now
        let slices = max(1, min(100, options.seeds / 1000))
        var sum = Sum()
        for slice in 0..<slices where sum.broken.count < Self.enough {
            let begin = options.seeds / slices * slice
            let end = slice + 1 == slices ? options.seeds : options.seeds / slices * (slice + 1)
            sum.add(await runWorlds(begin..<end))
            guard (slice + 1) % 10 == 0 else { continue }
            print("\(sum.worlds) worlds, \(sum.calls) calls, \(clock.now - start)")
            // Whoever waits for a soak wants to see it go on.
            fflush(nil)
        }
        for (seed, violation) in sum.broken.sorted(by: { $0.seed < $1.seed }) { tell(seed, violation) }
        let broken = Set(sum.broken.map(\.violation.invariant))
        let isTold = report(Oracle.names.map { broken.contains($0) ? "FAIL \($0)\n" : "pass \($0)\n" })
        print(
            "simulation: \(sum.worlds - UInt64(sum.broken.count)) passed, \(sum.broken.count) failed "
                + "(\(sum.calls) calls, \(sum.events) events, \(clock.now - start))")
        return sum.broken.isEmpty && isTold
    }

    /// Writes a line for each invariant, where that is wanted.
    private func report(_ lines: [String]) -> Bool {
        guard let path = options.report else { return true }
        guard let file = fopen(path, "w") else {
            print("\(path) cannot be written")
            return false
        }
        for line in lines { fputs(line, file) }
        return fclose(file) == 0
    }

    private func runWorlds(_ numbers: Range<UInt64>) async -> Sum {
        await withTaskGroup(of: Sum.self) { group in
            for job in 0..<options.jobs {
                group.addTask { runJob(job, numbers) }
            }
            var sum = Sum()
            for await part in group { sum.add(part) }
            return sum
        }
    }

    /// Every so-manyth of the worlds.
    private func runJob(_ job: Int, _ numbers: Range<UInt64>) -> Sum {
        var sum = Sum()
        var number = numbers.lowerBound + UInt64(job)
        while number < numbers.upperBound, sum.broken.count < Self.enough {
            let seed = options.from &+ number
            let result = Simulation.check(seed: seed, plant: options.plant)
            sum.worlds += 1
            sum.calls += result.calls
            sum.events += result.events
            if let violation = result.violation { sum.broken.append((seed, violation)) }
            number += UInt64(options.jobs)
        }
        return sum
    }

    private func tell(_ seed: UInt64, _ violation: Violation) {
        let plant = options.plant.map { " --plant \($0.rawValue)" } ?? ""
        print("FAIL seed \(seed): \(violation.invariant): \(violation.problem)")
        print("     replay: scripts/soak --seed \(seed)\(plant) --trace")
    }

    private func replay() -> Bool {
        let result = Simulation.run(seed: options.from, plant: options.plant) { print($0) }
        guard let violation = result.violation else {
            print("every invariant held")
            return true
        }
        tell(options.from, violation)
        return false
    }
}
