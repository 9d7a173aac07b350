/// What the command line asks for.
package struct Options: Sendable, Equatable {
    package var seeds: UInt64 = 1000
    package var from: UInt64 = 0
    package var jobs = 1
    package var plant: Plant?
    package var trace = false
    /// Where a line for each invariant goes.
    package var report: String?

    package static let usage = """
        gatehouse-simulator [--seeds N] [--from S] [--jobs J] [--plant NAME] [--report FILE]
        gatehouse-simulator --seed S [--trace] [--plant NAME]

        Runs N worlds from number S on, or one of them. Ends with 1 when an invariant does not hold in one.
        Plants: \(Plant.allCases.map(\.rawValue).joined(separator: ", "))
        """

    /// `nil` when it cannot be understood.
    package init?(_ arguments: [String]) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            if name == "--trace" {
                trace = true
                continue
            }
            guard let value = rest.popFirst(), take(name, value) else { return nil }
        }
        guard !trace || seeds == 1 else { return nil }
    }

    private mutating func take(_ name: String, _ value: String) -> Bool {
        switch name {
        case "--seeds": return set(&seeds, UInt64(value))
        case "--from": return set(&from, UInt64(value))
        case "--seed":
            seeds = 1
            return set(&from, UInt64(value))
        case "--jobs": return set(&jobs, Int(value).flatMap { $0 > 0 ? $0 : nil })
        case "--report":
            report = value
            return true
        case "--plant":
            plant = Plant(rawValue: value)
            return plant != nil
        default: return false
        }
    }

    private func set<Value>(_ place: inout Value, _ value: Value?) -> Bool {
        guard let value else { return false }
        place = value
        return true
    }
}
