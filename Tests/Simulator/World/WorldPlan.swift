import GatehouseCore
import GatehouseEngine

/// One upstream of a world.
struct UpstreamPlan {
    /// Its bulkhead, where it is narrow.
    struct Limits {
        var concurrency: Int
        var queue: Int
        var wait: Interval
    }

    var name: String
    var isAgent = false
    /// A stream of it is whole without `[DONE]`.
    var endsWithReason = false
    /// The answer of a client that left is read on.
    var drains = false
    /// Which of its keys are good.
    var keys = [true]
    var limits: Limits?
    var price = 1
    var latency: Interval
    var weather: Weather
}

/// A model's name that clients ask for.
struct ModelPlan {
    struct Target {
        var upstream: Int
        var weight: Int
        /// It serves the callers of the first key only.
        var isExclusive = false
    }

    var name: String
    var targets: [Target]
    var fallbacks: [Target] = []
    var strategy = LoadBalancer.Strategy.weighted
    var retries = 0
    var hedge: Interval?
    var isSticky = false
    /// It is asked for as `provider/model`.
    var isDirect = false

    /// Whether it is known from outside where its calls wait.
    var hasOnePlace: Bool { targets.count == 1 && fallbacks.isEmpty && retries == 0 }
}

/// The configuration of a world: all of it comes from its seed.
struct WorldPlan {
    var upstreams: [UpstreamPlan] = []
    var models: [ModelPlan] = []
    /// How many of the calls come from each key.
    var keys: [Double] = []
    var calls: Int
    /// Between two calls, on average; they may come in bursts.
    var pace: Interval
    var burst: Double
    var temper: ClientTemper
    /// Event loops of the gateway, and how long it takes to hand something over between them.
    var loops = 1
    var handover = Interval.zero
    /// Seconds of silence after which the gateway tells a client that it is awaited.
    var heartbeat: Int?
    /// Calls wait in queues that can be seen from outside.
    var isOrderly = false
    /// When the gateway ends all calls, or loses its process.
    var shutdown: Interval?
    var crash: Interval?
    var reload: Interval?

    init(_ dice: inout Dice) {
        calls = Self.size(&dice)
        pace = dice.interval(0.0005, 20)
        burst = dice.pick([0, 0, 0.5, 0.9])
        temper = ClientTemper(&dice)
        isOrderly = dice.chance(0.12)
        if isOrderly {
            calls = max(calls, dice.number(10...40))
            pace = dice.interval(0.0005, 0.5)
        }
        let span = Interval(nanoseconds: pace.nanoseconds * Int64(calls))
        if dice.chance(0.06) { shutdown = Self.moment(span, &dice) }
        if dice.chance(0.08) { crash = Self.moment(span, &dice) }
        if dice.chance(0.1) { reload = Self.moment(span, &dice) }
        if dice.chance(0.08) { heartbeat = dice.number(1...10) }
        if dice.chance(0.3) {
            loops = dice.number(2...3)
            handover = dice.interval(1e-9, 1e-4)
        }
        keys = (0..<dice.number(isOrderly ? 2...4 : 1...4)).map { _ in dice.scale(0.05, 1) }
        drawUpstreams(span, &dice)
        drawModels(&dice)
    }

    /// Mostly small worlds: they are many.
    private static func size(_ dice: inout Dice) -> Int {
        switch dice.number(0...19) {
        case 0: dice.number(40...100)
        case 1...3: dice.number(12...36)
        default: dice.number(3...11)
        }
    }

    private static func moment(_ span: Interval, _ dice: inout Dice) -> Interval {
        Interval(nanoseconds: Int64(dice.next(upperBound: UInt64(span.nanoseconds + 1_000_000_000))))
    }

    private mutating func drawUpstreams(_ span: Interval, _ dice: inout Dice) {
        let harshness = dice.pick([0, 0.2, 0.5, 0.8, 1])
        let isNarrow = isOrderly || dice.chance(0.2)
        let drains = dice.chance(0.15)
        for number in 0..<dice.number(1...4) {
            var plan = UpstreamPlan(
                name: "p\(number)", latency: dice.interval(0.002, 3),
                weather: Weather(span: span, harshness: harshness, &dice))
            plan.isAgent = dice.chance(0.12)
            plan.endsWithReason = dice.chance(0.15)
            plan.drains = drains && dice.chance(0.7)
            plan.price = dice.number(1...3)
            if isNarrow {
                plan.limits = .init(
                    concurrency: dice.number(1...4), queue: dice.pick([0, 1, 3, 10, 30]),
                    wait: dice.pick([.milliseconds(100), .seconds(1), .seconds(1), .seconds(5)]))
            }
            if !plan.isAgent, !isOrderly, dice.chance(0.2) {
                plan.keys = (0..<dice.number(2...3)).map { _ in !dice.chance(0.25 * harshness) }
            }
            upstreams.append(plan)
        }
    }

    private mutating func drawModels(_ dice: inout Dice) {
        if !isOrderly {
            for number in 0..<dice.number(1...2) { models.append(drawModel("m\(number)", &dice)) }
            guard dice.chance(0.2) else { return }
        }
        let upstream = dice.number(0...upstreams.count - 1)
        models.append(
            ModelPlan(
                name: upstreams[upstream].name + "/real", targets: [.init(upstream: upstream, weight: 1)],
                isDirect: true))
    }

    private func drawModel(_ name: String, _ dice: inout Dice) -> ModelPlan {
        var model = ModelPlan(name: name, targets: [])
        var order = Array(upstreams.indices)
        order.shuffle(using: &dice)
        let targets = dice.number(1...order.count)
        model.targets = order.prefix(targets).map { .init(upstream: $0, weight: dice.number(1...3)) }
        if dice.chance(0.6) {
            model.fallbacks = order.dropFirst(targets).map { .init(upstream: $0, weight: 1) }
        }
        model.strategy = dice.pick([.weighted, .weighted, .leastInflight, .leastInflight, .latency, .cost])
        model.retries = dice.pick([0, 0, 1, 2, 3])
        if dice.chance(0.15) { model.hedge = dice.interval(0.005, 5) }
        model.isSticky = dice.chance(0.1)
        if dice.chance(0.06) { model.targets[0].isExclusive = true }
        return model
    }
}
