import GatehouseCore

/// What is well again serves again: a breaker opens for a time and not for ever, and no probe that was lost keeps a target
/// out.
struct BreakerLiveness: Invariant {
    static let name = "breaker-liveness"
    /// Of each upstream, the attempts of the examination at hand.
    private var served: [Int: Int] = [:]
    private let longestPause = CircuitBreaker.Settings().longestPause

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        switch event.kind {
        case .healed:
            guard let until = facts.openUntil, until > event.time + longestPause else { return nil }
            return "a breaker is open for \((until - event.time).inSeconds) s"
        case .began where facts.calls[event.call].plan.isExam: served[event.value, default: 0] += 1
        case .responded, .streamBegan:
            guard facts.calls[event.call].plan.isExam, event.value != 200 else { return nil }
            return "all upstreams are well, and a call gets \(event.value)"
        case .examined:
            defer { served = [:] }
            let model = facts.plan.models[event.value]
            guard
                let missing = model.targets.first(where: {
                    served[$0.upstream, default: 0] < facts.expected[$0.upstream]
                })
            else { return nil }
            return
                "upstream \(missing.upstream) is well and got \(served[missing.upstream] ?? 0) of \(model.name)'s calls"
        case .counted: served = [:]
        default: break
        }
        return nil
    }
}

/// With the fewest calls on their way chosen first, calls that are all on their way at once are shared by weight: unless a
/// call that is over still counts.
struct SharedByWeight {
    private var served: [Int: Int] = [:]

    mutating func see(_ event: Event, _ facts: Facts) -> String? {
        switch event.kind {
        case .began where facts.calls[event.call].plan.isExam: served[event.value, default: 0] += 1
        case .examined: served = [:]
        case .counted:
            defer { served = [:] }
            for target in facts.plan.models[event.value].targets {
                let count = served[target.upstream, default: 0]
                guard count == 2 * target.weight else {
                    return "upstream \(target.upstream) of weight \(target.weight) got \(count) calls at once"
                }
            }
        default: break
        }
        return nil
    }
}
