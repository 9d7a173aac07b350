import GatehouseCore

extension PoolMachine {
    // MARK: What comes

    mutating func enter(_ want: Want, _ now: Instant) -> [Action] {
        guard !isRetired else {
            return [.refuse(want.turn, Failure(.busy, detail: "no more turns are taken", retryAfter: 1))]
        }
        queue.append(Waiting(want: want, since: now))
        let actions = serve(now)
        // It is in the queue unless it was served at once.
        guard queue.last?.want == want else { return actions }
        if let refusal = refusal(of: want, now) {
            queue.removeLast()
            return actions + [.refuse(want.turn, refusal)]
        }
        return actions
    }

    /// Why a turn that cannot be served at once may not wait either.
    private func refusal(of want: Want, _ now: Instant) -> Failure? {
        if let pause = pause(now), !processes.values.contains(where: { isHope($0, for: want) }) {
            var failure = lastFailure
            failure.retryAfter = failure.retryAfter ?? pause.retryAfter
            return failure
        }
        // Turns for which a process is on its way are no queue.
        let starting = processes.values.count { $0.state == .starting }
        guard queue.count - min(starting, queue.count) > settings.queue else { return nil }
        return Failure(.busy, detail: "the queue is full", retryAfter: retryAfter)
    }

    /// Whether a process may serve a turn later.
    private func isHope(_ process: Process, for want: Want) -> Bool {
        switch process.state {
        case .starting: process.owner.map { $0 == want.owner } ?? isSpareOfUse(want)
        case .busy: process.owner == want.owner && want.owner.conversation != .once
        case .idle, .ending: false
        }
    }

    private var retryAfter: Int {
        let seconds = turnSeconds * Double(queue.count) / Double(max(1, settings.maximum))
        return max(1, Int(min(60, seconds.rounded(.up))))
    }

    mutating func ready(_ id: ProcessID, _ now: Instant) {
        guard processes[id]?.state == .starting else { return }
        processes[id]?.state = .idle
        processes[id]?.since = now
        failures = 0
        openUntil = nil
    }

    mutating func failed(_ id: ProcessID, _ failure: Failure, _ now: Instant) -> [Action] {
        guard let process = processes[id], process.state == .starting else { return [] }
        processes[id]?.state = .ending
        noteFailedHandshake()
        var failure = failure
        failure.isUnsent = true
        lastFailure = failure
        failures += 1
        if failures >= settings.failures {
            let doublings = min(10, failures - settings.failures)
            openUntil = now + min(settings.longestPause, settings.pause * (1 << doublings))
        }
        return refuseFor(process, failure) + refuseHopeless(now)
    }

    /// Who waited for this process the longest hears why it is not there; the others get another try.
    private mutating func refuseFor(_ process: Process, _ failure: Failure) -> [Action] {
        guard let owner = process.owner, let index = queue.firstIndex(where: { $0.want.owner == owner }) else {
            return []
        }
        let turn = queue.remove(at: index).want.turn
        return [.refuse(turn, failure)]
    }

    private mutating func refuseHopeless(_ now: Instant) -> [Action] {
        guard pause(now) != nil else { return [] }
        var actions: [Action] = []
        for waiting in queue {
            guard let refusal = refusal(of: waiting.want, now) else { continue }
            actions.append(.refuse(waiting.want.turn, refusal))
        }
        let refused = Set(actions.compactMap { action in if case .refuse(let turn, _) = action { turn } else { nil } })
        queue.removeAll { refused.contains($0.want.turn) }
        return actions
    }

    mutating func over(_ id: ProcessID, isUsable: Bool, _ now: Instant) -> [Action] {
        guard var process = processes[id] else { return [] }
        guard case .busy = process.state else {
            // It ended when nobody used it.
            if process.state == .idle, !isUsable { processes[id]?.state = .ending }
            return []
        }
        let took = (now - process.since).inSeconds
        turnSeconds += (min(600, max(0, took)) - turnSeconds) / 4
        process.turns += 1
        process.since = now
        let isSpent =
            !isUsable || process.isWorn || process.turns >= settings.turns || now >= process.born + settings.age
            || process.owner?.conversation == .once
        process.state = isSpent ? .ending : .idle
        processes[id] = process
        return isSpent ? [.end(id)] : []
    }

    mutating func forget(_ id: ProcessID) {
        processes.removeValue(forKey: id)
        homes = homes.filter { $0.value != id }
    }

    mutating func measured(_ id: ProcessID, _ bytes: Int) -> [Action] {
        guard let limit = settings.memory, bytes > limit, let process = processes[id] else { return [] }
        switch process.state {
        case .idle: return end(id)
        case .busy: processes[id]?.isWorn = true
        case .starting, .ending: break
        }
        return []
    }

    mutating func end(_ id: ProcessID) -> [Action] {
        processes[id]?.state = .ending
        return [.end(id)]
    }

    // MARK: Time

    mutating func tick(_ now: Instant) -> [Action] {
        let failure = Failure(.busy, detail: "waited in vain", retryAfter: retryAfter)
        let latest = now - settings.wait
        var actions = queue.filter { $0.since <= latest }.map { Action.refuse($0.want.turn, failure) }
        queue.removeAll { $0.since <= latest }
        for (id, process) in processes.sorted(by: { $0.key < $1.key }) where process.state == .idle {
            let isStale = process.owner != nil && now >= process.since + settings.idle
            if isStale || now >= process.born + settings.age { actions += end(id) }
        }
        return actions
    }

    /// How long no process is to be started; `nil` when one may be. After the pause one is tried, alone.
    func pause(_ now: Instant) -> Interval? {
        guard let openUntil else { return nil }
        if now < openUntil { return openUntil - now }
        return processes.values.contains { $0.state == .starting } ? settings.pause : nil
    }
}
