import GatehouseCore

extension PoolMachine {
    /// Gives free processes to those that wait, and starts what is missing.
    mutating func serve(_ now: Instant) -> [Action] {
        guard !queue.isEmpty else { return [] }
        var actions: [Action] = []
        var left: [Waiting] = []
        for waiting in queue {
            if let id = place(of: waiting.want) {
                take(id, waiting.want, now)
                actions.append(.give(waiting.want.turn, id))
            } else {
                left.append(waiting)
            }
        }
        queue = left
        return actions + startMissing(now)
    }

    private mutating func take(_ id: ProcessID, _ want: Want, _ now: Instant) {
        processes[id]?.state = .busy(want)
        processes[id]?.owner = want.owner
        processes[id]?.since = now
        if let session = want.session { homes[SessionName(owner: want.owner, session: session)] = id }
    }

    /// The free process that a turn is given; the one that was used last, so that the others may grow old.
    private func place(of want: Want) -> ProcessID? {
        if let session = want.session {
            if isLocked(session, want.owner) { return nil }
            // A session does not move while the process lives that it began in.
            if let home = home(of: session, want.owner) { return processes[home]?.state == .idle ? home : nil }
        }
        let free = processes.filter { $0.value.state == .idle && isFit($0.value, for: want) }
        let best = free.max { one, other in
            let (mine, theirs) = (one.value.owner != nil, other.value.owner != nil)
            return mine == theirs ? (one.value.since, one.key) < (other.value.since, other.key) : !mine
        }
        return best?.key
    }

    private func isFit(_ process: Process, for want: Want) -> Bool {
        guard let owner = process.owner else { return isSpareOfUse(want) }
        return owner == want.owner
    }

    private func home(of session: String, _ owner: Owner) -> ProcessID? {
        guard let id = homes[SessionName(owner: owner, session: session)], processes[id]?.state != .ending else {
            return nil
        }
        return id
    }

    func isSpareOfUse(_ want: Want) -> Bool {
        want.owner.account == spare.account && want.owner.model == spare.model
    }

    /// Whether another turn of the session is being answered.
    private func isLocked(_ session: String, _ owner: Owner) -> Bool {
        processes.values.contains { process in
            guard case .busy(let want) = process.state else { return false }
            return want.session == session && want.owner.tenant == owner.tenant
        }
    }

    // MARK: Starting

    private mutating func startMissing(_ now: Instant) -> [Action] {
        var coming = processes.filter { $0.value.state == .starting }
        var leaving = Set(processes.filter { $0.value.state == .ending }.keys)
        var actions: [Action] = []
        // A session's turns come one after the other: one process is enough for all that wait.
        var sessions: Set<SessionName> = []
        for waiting in queue {
            let want = waiting.want
            if let session = want.session {
                let name = SessionName(owner: want.owner, session: session)
                guard home(of: session, want.owner) == nil, !isLocked(session, want.owner),
                    sessions.insert(name).inserted
                else { continue }
            }
            if let id = coming.keys.sorted().first(where: { coming[$0].map { isFit($0, for: want) } ?? false }) {
                coming.removeValue(forKey: id)
                continue
            }
            guard pause(now) == nil else { continue }
            let account = want.owner.account
            if isRoom(for: account) {
                actions += start(want.owner, now)
            } else if let id = leaving.sorted().first(where: { makesRoom($0, for: account) }) {
                leaving.remove(id)
            } else if let idle = leastUsed(for: account) {
                actions += end(idle)
            }
        }
        return actions
    }

    // MARK: Room

    private func isRoom(for account: String) -> Bool {
        processes.count < settings.maximum && hasPlace(at: account)
    }

    /// Whether one more process may live with an account. Those that are ending still do.
    private func hasPlace(at account: String) -> Bool {
        guard let places = places[account] else { return true }
        return processes.values.count { self.account(of: $0) == account } < places
    }

    private func account(of process: Process) -> String { process.owner?.account ?? spare.account }

    /// Whether the end of a process lets another begin with this account.
    private func makesRoom(_ id: ProcessID, for account: String) -> Bool {
        hasPlace(at: account) || processes[id].map { self.account(of: $0) == account } ?? false
    }

    /// Processes that live with an account end as soon as nobody uses them.
    mutating func wear(out account: String) {
        for (id, process) in processes where self.account(of: process) == account { processes[id]?.isWorn = true }
    }

    mutating func endWorn() -> [Action] {
        processes.filter { $0.value.state == .idle && $0.value.isWorn }.keys.sorted().flatMap { end($0) }
    }

    private mutating func start(_ owner: Owner?, _ now: Instant) -> [Action] {
        lastProcess += 1
        processes[lastProcess] = Process(owner: owner, born: now, since: now)
        return [.start(lastProcess, owner)]
    }

    /// The free process that is missed the least: of those whose end makes room, the one that was used longest ago. It
    /// serves nobody who waits.
    private func leastUsed(for account: String) -> ProcessID? {
        processes.filter { $0.value.state == .idle && makesRoom($0.key, for: account) }.min { one, other in
            (one.value.since, one.key) < (other.value.since, other.key)
        }?.key
    }

    mutating func keepSpares(_ now: Instant) -> [Action] {
        guard !isRetired, queue.isEmpty else { return [] }
        var actions: [Action] = []
        while pause(now) == nil, isRoom(for: spare.account),
            processes.values.count(where: isSpare) < settings.minimum
        {
            actions += start(nil, now)
        }
        return actions
    }

    private func isSpare(_ process: Process) -> Bool {
        process.owner == nil && process.state != .ending
    }

    mutating func retireIdle() -> [Action] {
        guard isRetired, queue.isEmpty else { return [] }
        return processes.filter { $0.value.state == .idle }.keys.sorted().flatMap { end($0) }
    }
}
