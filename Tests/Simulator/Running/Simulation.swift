/// Runs worlds by their numbers.
package enum Simulation {
    /// What became of a world.
    package struct Result: Sendable, Equatable {
        package var violation: Violation?
        /// Of everything that happened: the same for the same seed.
        package var hash: UInt64
        package var events: Int
        package var calls: Int
    }

    /// The names of all that is checked.
    package static var invariants: [String] { Oracle.names }

    /// - Parameter trace: Told the configuration of the world and everything that happens in it.
    package static func run(seed: UInt64, plant: Plant? = nil, trace: ((String) -> Void)? = nil) -> Result {
        let world = World(seed: seed, plant: plant, trace: trace.map { trace in { trace($0.description) } })
        if let trace { for line in world.plan.lines { trace(line) } }
        let violation = world.run()
        return Result(
            violation: violation, hash: world.oracle.hash, events: world.oracle.events,
            calls: world.oracle.facts.calls.count)
    }

    /// Runs a world, now and then twice: it must tell the same story.
    package static func check(seed: UInt64, plant: Plant? = nil) -> Result {
        var result = run(seed: seed, plant: plant)
        guard seed % 64 == 0, result.violation == nil, run(seed: seed, plant: plant) != result else { return result }
        result.violation = Violation(
            invariant: Oracle.replay, problem: "the same seed told another story", time: 0)
        return result
    }
}
