import GatehouseCore

extension WorldPlan {
    /// For people who read a trace.
    var lines: [String] {
        var loops = "\(calls) calls of \(keys.count) keys, \(loops) event loops"
        if let heartbeat { loops += ", a heartbeat after \(heartbeat) s" }
        return upstreams.indices.map(upstreamLine) + models.indices.map(modelLine) + [loops]
    }

    private func upstreamLine(_ number: Int) -> String {
        let upstream = upstreams[number]
        var line = "upstream \(number): \(upstream.name), about \(upstream.latency.inSeconds) s"
        if upstream.isAgent { line += ", an agent" }
        if upstream.endsWithReason { line += ", ends without [DONE]" }
        if upstream.drains { line += ", is read on for the bill" }
        if upstream.keys.count > 1 {
            line += ", keys " + upstream.keys.map { $0 ? "good" : "bad" }.joined(separator: " ")
        }
        if let limits = upstream.limits {
            line += ", \(limits.concurrency) at a time, \(limits.queue) wait for \(limits.wait.inSeconds) s"
        }
        return line
    }

    private func modelLine(_ number: Int) -> String {
        let model = models[number]
        func list(_ targets: [ModelPlan.Target]) -> String {
            targets.map { "\($0.upstream) (weight \($0.weight)\($0.isExclusive ? ", for k0" : ""))" }
                .joined(separator: ", ")
        }
        var line = "model \(number): \(model.name), \(model.strategy.rawValue) of \(list(model.targets))"
        if !model.fallbacks.isEmpty { line += ", fallbacks \(list(model.fallbacks))" }
        if model.retries > 0 { line += ", \(model.retries) retries" }
        if let hedge = model.hedge { line += ", hedged after \(hedge.inSeconds) s" }
        return line + (model.isSticky ? ", sticky" : "")
    }
}
