import GatehouseCore
import NIOCore

/// An upstream of the world: it has its own weather, and keeps what it was asked.
// Unchecked: confined to the thread of its world.
final class SimulatedUpstream: Upstream, @unchecked Sendable {
    let number: Int
    private let plan: UpstreamPlan
    private unowned let world: World
    private var dice: Dice
    private(set) var weather: Weather
    /// Attempts on their way.
    private(set) var running = 0

    init(_ number: Int, _ plan: UpstreamPlan, _ world: World, _ dice: Dice) {
        self.number = number
        self.plan = plan
        self.world = world
        self.dice = dice
        weather = plan.weather
    }

    func heal() { weather.heal(world.timeline.now) }

    func lane(for operation: GatehouseCore.Operation) -> UpstreamLane? {
        plan.isAgent ? (operation.surface == .generation ? .events : nil) : .wire(.openAIChat)
    }

    func start(
        _ request: UpstreamRequest, on eventLoop: any EventLoop, reply: any UpstreamReply
    ) -> any UpstreamAttempt {
        let call = Int(request.id) ?? -1
        let attempt = world.oracle.facts.attempts.count
        running += 1
        let isGood = weather.healed != nil || plan.keys[request.key]
        let fate = isGood ? weather.fate(at: world.timeline.now, running: running, &dice) : .status(401)
        let answer = answer(fate, request, attempt, isTranslated: world.isTranslated(call))
        let simulated = SimulatedAttempt(attempt, call, answer, world, reply, eventLoop) { [weak self] in
            self?.running -= 1
        }
        world.began(
            AttemptFacts(
                attempt, call: call, upstream: number, key: request.key, began: world.timeline.now, answer: answer),
            simulated)
        simulated.begin()
        return simulated
    }

    private func answer(_ fate: Fate, _ request: UpstreamRequest, _ attempt: Int, isTranslated: Bool) -> Answer {
        let isSteady = weather.healed != nil
        let latency = isSteady ? .seconds(1) : plan.latency
        guard !plan.isAgent else {
            var writer = AgentWriter(attempt, latency: latency, dice.branch())
            writer.isSteady = isSteady
            return writer.answer(fate)
        }
        let question = AnswerWriter.Question(
            attempt: attempt, stream: request.stream, isSound: request.surface == .speech,
            wantsUsage: world.wantsUsage(Int(request.id) ?? -1),
            endsWithReason: plan.endsWithReason, isSteady: isSteady)
        var writer = AnswerWriter(question, latency: latency, dice.branch())
        return writer.answer(fate)
    }
}
