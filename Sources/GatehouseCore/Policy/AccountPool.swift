/// The accounts of one agent: which of them runs a call.
///
/// An account takes a few runs at a time: CLIs renew their logins with tokens that are good for one use, and two at once
/// would log it out. What used up its window rests for that model until the agent said it comes back, and then takes one
/// run, to see. One whose login is refused is left out until somebody logs in: nothing is ever tried with it meanwhile.
package struct AccountPool: Sendable {
    package struct Member: Sendable, Equatable {
        package var name: String
        /// Runs at a time.
        package var concurrency: Int
        /// Its share of the runs, beside those of the others.
        package var weight: Int

        package init(_ name: String, concurrency: Int = 1, weight: Int = 1) {
            self.name = name
            self.concurrency = max(1, concurrency)
            self.weight = max(1, weight)
        }
    }

    package struct Settings: Sendable, Equatable {
        /// Rests that nobody told the length of; each doubles with each time in a row.
        package var firstQuotaRest = Interval.seconds(60)
        package var firstRateRest = Interval.seconds(5)
        package var longestUntold = Interval.seconds(1800)
        /// The longest that an agent's word is good for: a week's window and a little more. Behind it one run looks again.
        package var longestTold = Interval.seconds(8 * 86_400)

        package init() {}
    }

    package enum Pick: Sendable, Equatable {
        /// A place at this account, given back with `end`. With a probe the model has no other run there until it is told
        /// what came of it.
        case account(Int, isProbe: Bool)
        /// All that could serve have runs enough; or each was tried by this very call.
        case busy
        case resting(until: Instant, kind: Failure.Kind)
        /// Every login is refused.
        case signedOut
    }

    /// Why an account does not serve a model.
    package struct Rest: Sendable, Equatable {
        package var until: Instant
        package var kind: Failure.Kind
        /// In a row.
        package var count = 1
        /// A run looks whether it is over.
        package var isProbed = false
    }

    struct Account: Sendable {
        var member: Member
        var running = 0
        var runs = 0
        var lastUse: UInt64 = 0
        var isSignedOut = false
        /// Somebody is to be alone with it.
        var isReserved = false
        /// By model; `everyModel` for all.
        var rests: [String: Rest] = [:]
        /// By kind.
        var windows: [String: UsageLimit] = [:]

        func rest(_ model: String) -> Rest? { rests[model] ?? rests[AccountPool.everyModel] }
    }

    static let everyModel = "*"
    /// Callers name models as they like. When so many of them rest, the account does.
    static let maximumModels = 64
    private static let maximumWindows = 16
    package let settings: Settings
    private(set) var accounts: [Account]
    private var uses: UInt64 = 0
    private var hash: StickyHash

    package init(_ members: [Member], _ settings: Settings = Settings()) {
        self.settings = settings
        accounts = members.map { Account(member: $0) }
        hash = Self.hash(members)
    }

    private static func hash(_ members: [Member]) -> StickyHash {
        StickyHash(members.map { ($0.name, $0.weight) })
    }

    package var members: [Member] { accounts.map(\.member) }

    package func index(of name: String) -> Int? { accounts.firstIndex { $0.member.name == name } }

    /// Other accounts from now on. What is known of one that stays is kept, with the runs it has.
    package mutating func replace(with members: [Member]) {
        accounts = members.map { member in
            var account = accounts.first { $0.member.name == member.name } ?? Account(member: member)
            account.member = member
            return account
        }
        hash = Self.hash(members)
    }

    // MARK: Choosing

    /// - Parameters:
    ///   - sticky: The key of a call that is to go where its like went, when that account is free.
    ///   - passing: Accounts that this call has tried.
    package mutating func pick(
        model: String, sticky: UInt64? = nil, passing: Positions = Positions(), now: Instant
    ) -> Pick {
        let free = accounts.indices.filter { !passing.contains($0) && isFree($0, model, now) }
        if let index = sticky.flatMap({ preferred($0, among: free) }) ?? free.min(by: isLessUsed) {
            return take(index, model)
        }
        return refusal(model, passing, now)
    }

    private func isFree(_ index: Int, _ model: String, _ now: Instant) -> Bool {
        let account = accounts[index]
        guard !account.isSignedOut, !account.isReserved, account.running < account.member.concurrency else {
            return false
        }
        return account.rest(model).map { $0.until <= now && !$0.isProbed } ?? true
    }

    private func preferred(_ key: UInt64, among free: [Int]) -> Int? {
        var others = Positions()
        for index in accounts.indices where !free.contains(index) { others.insert(index) }
        return hash.pick(key, passing: others).flatMap { free.contains($0) ? $0 : nil }
    }

    /// By its runs of now, then by those it ever had, both against its weight; then by who waited longest.
    private func isLessUsed(_ one: Int, _ other: Int) -> Bool {
        let (left, right) = (accounts[one], accounts[other])
        func share(_ account: Account, _ count: Int) -> Double { Double(count) / Double(account.member.weight) }
        let now = (share(left, left.running), share(right, right.running))
        if now.0 != now.1 { return now.0 < now.1 }
        let ever = (share(left, left.runs), share(right, right.runs))
        return ever.0 != ever.1 ? ever.0 < ever.1 : left.lastUse < right.lastUse
    }

    private mutating func take(_ index: Int, _ model: String) -> Pick {
        uses &+= 1
        accounts[index].lastUse = uses
        accounts[index].running += 1
        accounts[index].runs = min(accounts[index].runs + 1, .max - 1)
        guard let name = restName(index, model) else { return .account(index, isProbe: false) }
        accounts[index].rests[name]?.isProbed = true
        return .account(index, isProbe: true)
    }

    private func refusal(_ model: String, _ passing: Positions, _ now: Instant) -> Pick {
        let open = accounts.indices.filter { !passing.contains($0) }.map { accounts[$0] }
        let alive = open.filter { !$0.isSignedOut }
        guard !alive.isEmpty else { return open.isEmpty ? .busy : .signedOut }
        let rests = alive.compactMap { account in account.rest(model).flatMap { $0.until > now ? $0 : nil } }
        guard rests.count == alive.count, let first = rests.min(by: { $0.until < $1.until }) else { return .busy }
        return .resting(until: first.until, kind: first.kind)
    }

    /// Whether another account could take this call now.
    package func hasFree(model: String, passing: Positions, now: Instant) -> Bool {
        accounts.indices.contains { !passing.contains($0) && isFree($0, model, now) }
    }

    /// Whether there is an account that a call has not tried.
    package func hasOthers(than tried: Positions) -> Bool {
        accounts.indices.contains { !tried.contains($0) }
    }

    /// When the first account may be used again; `nil` when one does not rest now, or all are signed out.
    package func soonest(model: String, now: Instant) -> Instant? {
        if case .resting(let until, _) = refusal(model, Positions(), now) { until } else { nil }
    }

    // MARK: What became of it

    /// Nothing is left of a run.
    package mutating func end(_ index: Int, model: String, isProbe: Bool) {
        guard accounts.indices.contains(index) else { return }
        accounts[index].running = max(0, accounts[index].running - 1)
        // A probe that told nothing is followed by another.
        guard isProbe, let name = restName(index, model) else { return }
        accounts[index].rests[name]?.isProbed = false
    }

    /// The account served. That is no word about a rest that began meanwhile.
    ///
    /// - Returns: Whether it is back from being signed out.
    package mutating func worked(_ index: Int, model: String, now: Instant) -> Bool {
        guard accounts.indices.contains(index) else { return false }
        defer { accounts[index].isSignedOut = false }
        if let name = restName(index, model), let rest = accounts[index].rests[name], rest.until <= now {
            accounts[index].rests[name] = nil
        }
        return accounts[index].isSignedOut
    }

    /// The account was refused.
    ///
    /// - Returns: Whether its login is refused and that is news: the moment for one alert.
    package mutating func failed(_ index: Int, model: String, _ failure: Failure, now: Instant) -> Bool {
        guard accounts.indices.contains(index) else { return false }
        switch failure.kind {
        case .auth:
            defer { accounts[index].isSignedOut = true }
            return !accounts[index].isSignedOut
        case .quota, .rate: rest(index, model, failure, now)
        default: break
        }
        return false
    }

    private mutating func rest(_ index: Int, _ model: String, _ failure: Failure, _ now: Instant) {
        forget(index, now)
        let name = accounts[index].rests.count < Self.maximumModels ? model : Self.everyModel
        let before = accounts[index].rests[name]
        // Runs that went on together hear the same: that is one lesson, not many.
        let isNew = before.map { $0.until <= now } ?? true
        let count = min((before?.count ?? 0) + (isNew ? 1 : 0), 20)
        let told = failure.retryAfter.map { min(max(Interval.seconds($0), .seconds(1)), settings.longestTold) }
        guard isNew || told != nil else { return }
        let first = failure.kind == .rate ? settings.firstRateRest : settings.firstQuotaRest
        let untold = min(settings.longestUntold, first * (1 << max(0, count - 1)))
        let until = now + (told ?? untold)
        let kept = isNew ? until : max(until, before?.until ?? until)
        accounts[index].rests[name] = Rest(until: kept, kind: failure.kind, count: max(1, count))
    }

    /// Makes room: rests that have been over for as long as any untold one says nothing more.
    private mutating func forget(_ index: Int, _ now: Instant) {
        guard accounts[index].rests.count >= Self.maximumModels else { return }
        let limit = settings.longestUntold
        accounts[index].rests = accounts[index].rests.filter { $0.value.until + limit > now || $0.value.isProbed }
    }

    private func restName(_ index: Int, _ model: String) -> String? {
        let rests = accounts[index].rests
        return rests[model] != nil ? model : rests[Self.everyModel] != nil ? Self.everyModel : nil
    }

    /// What an agent said of a window.
    package mutating func note(_ limit: UsageLimit, of index: Int) {
        guard accounts.indices.contains(index), limit.kind.utf8.count <= 64 else { return }
        guard accounts[index].windows[limit.kind] != nil || accounts[index].windows.count < Self.maximumWindows else {
            return
        }
        accounts[index].windows[limit.kind] = limit
    }

    /// Somebody is to be alone with an account, for a login: no run begins there. `false` takes that back.
    package mutating func reserve(_ index: Int, _ isReserved: Bool) {
        guard accounts.indices.contains(index) else { return }
        accounts[index].isReserved = isReserved
    }

    /// Forgets what speaks against an account: somebody logged in, or says so.
    package mutating func reset(_ index: Int) {
        guard accounts.indices.contains(index) else { return }
        accounts[index].isSignedOut = false
        accounts[index].rests = [:]
    }

    /// A login was looked at, and there is none.
    ///
    /// - Returns: Whether that is news.
    package mutating func signOut(_ index: Int) -> Bool {
        guard accounts.indices.contains(index), !accounts[index].isSignedOut else { return false }
        accounts[index].isSignedOut = true
        return true
    }
}
