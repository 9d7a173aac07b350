import GatehouseCore

/// How an upstream does over time: well, badly, or not at all, for a while each.
struct Weather {
    /// For a while, so many of the attempts go wrong.
    private struct Spell {
        var end: Instant
        var failing: Double
        /// What goes wrong, where it is always the same.
        var fate: Fate?
    }

    private let spells: [Spell]
    private let calm: Double
    /// Calls at a time; more are refused.
    let capacity: Int
    private(set) var healed: Instant?

    /// - Parameters:
    ///   - span: How long the storm may take.
    ///   - harshness: From 0, where hardly anything goes wrong, to 1.
    init(span: Interval, harshness: Double, _ dice: inout Dice) {
        capacity = dice.chance(0.25) ? dice.number(1...6) : .max
        calm = dice.chance(0.3) ? 0 : dice.scale(0.002, 0.2) * harshness
        var spells: [Spell] = []
        var time = Instant(nanoseconds: 0)
        let length = Interval(nanoseconds: max(1_000_000, span.nanoseconds / Int64(dice.number(1...6))))
        while dice.chance(0.3 + 0.6 * harshness), spells.count < 12 {
            time = time + dice.wait(length)
            spells.append(Spell(end: time, failing: calm))
            time = time + dice.wait(length)
            let fate = dice.chance(0.7) ? dice.pick(dice.chance(0.7) ? Fate.usual : Fate.failures) : nil
            spells.append(Spell(end: time, failing: dice.pick([0.5, 0.9, 1, 1]), fate: fate))
        }
        self.spells = spells
    }

    /// From now on nothing goes wrong.
    mutating func heal(_ now: Instant) { healed = now }

    func fate(at now: Instant, running: Int, _ dice: inout Dice) -> Fate {
        guard healed == nil else { return .answer }
        if running > capacity { return dice.pick([.status(429), .status(503), .status(529), .refused]) }
        let spell = spells.first { now < $0.end }
        guard dice.chance(spell?.failing ?? calm) else { return .answer }
        return spell?.fate ?? dice.pick(dice.chance(0.7) ? Fate.usual : Fate.failures)
    }
}
