import GatehouseSimulator
import Testing

/// Some worlds, in a debug build; `scripts/soak` runs a million.
@Suite struct SimulationTests {
    @Test func everyInvariantHolds() {
        for seed in 0..<400 as Range<UInt64> {
            let result = Simulation.run(seed: seed)
            #expect(result.violation == nil, "scripts/soak --seed \(seed) --trace")
        }
    }

    @Test func aSeedAlwaysTellsTheSameStory() {
        var hashes: Set<UInt64> = []
        for seed in 1000..<1040 as Range<UInt64> {
            let result = Simulation.run(seed: seed)
            var lines: [String] = []
            #expect(Simulation.run(seed: seed) { lines.append($0) } == result && lines.count > result.events)
            hashes.insert(result.hash)
        }
        #expect(hashes.count == 40, "and another seed another one")
    }

    /// An invariant that finds nothing proves nothing.
    @Test(arguments: Plant.allCases)
    func aPlantedBugIsFoundByItsInvariant(plant: Plant) {
        let found = (0..<3000 as Range<UInt64>).contains { seed in
            Simulation.run(seed: seed, plant: plant).violation?.invariant == plant.invariant
        }
        #expect(found)
    }

    @Test func eachInvariantHasAPlantedBug() {
        let planted = Set(Plant.allCases.map(\.invariant))
        #expect(Set(Simulation.invariants).subtracting(planted) == ["replay"])
    }

    @Test func theCommandLineIsRead() {
        #expect(Options(["--seeds", "5", "--from", "7", "--jobs", "2"]).map { $0.seeds == 5 && $0.from == 7 } == true)
        let replay = Options(["--seed", "42", "--plant", "ends-twice", "--trace"])
        #expect(replay?.seeds == 1 && replay?.from == 42 && replay?.plant == .endsTwice && replay?.trace == true)
        for wrong in [["--seeds"], ["--seeds", "x"], ["--jobs", "0"], ["--plant", "tulip"], ["--trace"], ["now"]] {
            #expect(Options(wrong) == nil, "\(wrong)")
        }
    }
}
