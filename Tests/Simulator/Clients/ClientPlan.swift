import GatehouseCore
import NIOCore

/// What one client asks for, and how it behaves.
struct ClientPlan {
    enum Leaving {
        case never
        /// So long after it asked.
        case after(Interval)
        /// While it is given its so-manyth piece of the answer.
        case during(Int)
    }

    var key = 0
    var model = 0
    var stream = false
    var wantsUsage = false
    var mayRepeat = false
    /// It speaks Anthropic's dialect.
    var isForeign = false
    /// It asks for sound.
    var isSound = false
    /// It asks for several answers, which not every target gives.
    var wantsSeveral = false
    var leaving = Leaving.never
    /// How long it will wait, where it says so.
    var patience: Interval?
    var session: Int?
    /// It takes so many bytes at a time, and so long for them; `nil` takes all at once.
    var window: Int?
    var slowness = Interval.zero
    /// It asked after the storm, to see whether all is well.
    var isExam = false

    var operation: GatehouseCore.Operation {
        if isSound { return .speech }
        return isForeign ? .messages : .chatCompletions
    }

    func body(model name: String) -> ByteBuffer {
        guard !isSound else { return ByteBuffer(string: #"{"model":"\#(name)","input":"hi","voice":"low"}"#) }
        var text = #"{"model":"\#(name)","messages":[{"role":"user","content":"hi"}]"#
        if isForeign { text += #","max_tokens":64"# }
        if stream { text += #","stream":true"# }
        if stream, wantsUsage, !isForeign { text += #","stream_options":{"include_usage":true}"# }
        if wantsSeveral, !isForeign { text += #","n":2"# }
        return ByteBuffer(string: text + "}")
    }
}

/// How the clients of a world behave on the whole.
struct ClientTemper {
    var stream = 0.6
    var usage = 0.3
    var repeating = 0.3
    var foreign = 0.0
    var several = 0.0
    var sound = 0.0
    var leaving = 0.1
    var slow = 0.1
    var hurried = 0.0
    /// How long those who leave wait, on average.
    var patience = Interval.seconds(1)

    init(_ dice: inout Dice) {
        stream = dice.pick([0, 0.5, 0.5, 0.9, 1])
        repeating = dice.pick([0, 0, 0.3, 1])
        foreign = dice.pick([0, 0, 0, 0.2, 0.5])
        several = dice.pick([0, 0, 0, 0.3])
        sound = dice.pick([0, 0, 0, 0, 0.2])
        leaving = dice.pick([0, 0, 0.1, 0.3, 0.7])
        slow = dice.pick([0, 0, 0.1, 0.5])
        hurried = dice.pick([0, 0, 0, 0.3, 1])
        patience = dice.interval(0.001, 30)
    }

    func plan(_ models: [ModelPlan], _ keys: [Double], _ dice: inout Dice) -> ClientPlan {
        var plan = ClientPlan()
        plan.key = Self.draw(keys, &dice)
        plan.model = dice.number(0...models.count - 1)
        plan.stream = dice.chance(stream)
        plan.wantsUsage = dice.chance(usage)
        plan.mayRepeat = dice.chance(repeating)
        plan.isForeign = dice.chance(foreign)
        plan.wantsSeveral = dice.chance(several)
        if dice.chance(leaving) {
            plan.leaving = dice.chance(0.3) ? .during(dice.number(1...5)) : .after(dice.wait(patience))
        }
        if dice.chance(slow) {
            plan.window = dice.number(50...800)
            plan.slowness = dice.interval(0.001, 20)
        }
        if dice.chance(sound) { (plan.isSound, plan.stream, plan.isForeign) = (true, false, false) }
        if dice.chance(hurried) { plan.patience = dice.interval(0.005, 60) }
        if dice.chance(0.5) { plan.session = dice.number(0...3) }
        return plan
    }

    /// A place, drawn by the weights.
    private static func draw(_ weights: [Double], _ dice: inout Dice) -> Int {
        var left = dice.fraction() * weights.reduce(0, +)
        for (index, weight) in weights.enumerated() {
            left -= weight
            if left < 0 { return index }
        }
        return 0
    }
}
