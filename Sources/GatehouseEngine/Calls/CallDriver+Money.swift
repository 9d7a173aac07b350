import GatehouseCore
import NIOCore

/// What attempts cost: each has its row in the ledger, and none begins that a budget has no room for.
extension CallDriver {
    /// Sends an attempt, as soon as all budgets have room for the worst that it can cost. Without a budget that is at once.
    func send(_ attempt: CallAttempt, _ request: UpstreamRequest) {
        guard let accounting = memory.accounting else {
            return attempt.start(request, on: eventLoop, isReading: isWritable)
        }
        let price = self.request.snapshot.prices.price(
            provider: attempt.target.entry.name, kind: attempt.target.entry.providerKind, model: attempt.target.model,
            at: accounting.now)
        let account = AttemptAccount(
            accounting, row(of: attempt, accounting), price: price,
            sent: .init(bytes: size(of: request), maxOutput: asked?.head.maxTokens, isStream: record.isStream))
        attempt.account = account
        let rules = self.request.snapshot.budgets.isEmpty ? [] : budgets
        guard !rules.isEmpty, let asked else {
            account.send()
            return attempt.start(request, on: eventLoop, isReading: isWritable)
        }
        if let error = Self.obstacle(price, rules) { return refuse(attempt, error) }
        let bounds = WorstCase.bounds(of: self.request, asked.head, bytes: size(of: request), price: price)
        account.reserve(bounds, rules, on: eventLoop) { result in
            // It may be over by now: the caller left, or another one served.
            guard !self.isSettled, attempt === self.current || attempt === self.rival else { return attempt.release() }
            switch result {
            case .failure(let error): self.refuse(attempt, error)
            case .success(let warnings):
                if !warnings.isEmpty { self.record.budgetWarnings = warnings }
                account.send()
                attempt.start(request, on: self.eventLoop, isReading: self.isWritable)
            }
        }
    }

    private var budgets: [BudgetRule] { request.snapshot.budgets.filter { $0.covers(request.principal.key) } }

    private func row(of attempt: CallAttempt, _ accounting: Accounting) -> LedgerRow {
        let target = attempt.target
        var row = LedgerRow(
            id: accounting.nextID(), time: accounting.now, request: request.id, key: request.principal.name,
            provider: target.entry.name, model: target.model, attempt: record.attempts)
        row.membership = request.principal.membership
        row.operation = request.operation.rawValue
        row.account =
            attempt.lease.account?.name ?? (target.entry.keys.count > 1 ? route?.keyName(attempt.lease) : nil)
        return row
    }

    /// Why the budgets cannot say what the attempt costs.
    private static func obstacle(_ price: Price?, _ rules: [BudgetRule]) -> GatehouseError? {
        guard let price else {
            guard rules.contains(where: { $0.unknownPrice == .refuse }) else { return nil }
            return GatehouseError(
                .priceUnknown,
                "The price of this model is not known, and a budget applies. The operator can set one (prices), or allow "
                    + "such calls (unknownPrice).", param: "model")
        }
        guard let other = rules.first(where: { $0.currency != price.currency }) else { return nil }
        return GatehouseError(
            .priceUnknown,
            "The price of this model is in \(price.currency), and a budget that applies in \(other.currency).",
            param: "model")
    }

    /// The attempt is not sent.
    private func refuse(_ attempt: CallAttempt, _ error: GatehouseError) {
        record.attempts = max(0, record.attempts - 1)
        if attempt === rival { return discardRival() }
        perform(attempt.abort(error), of: attempt)
    }

    /// The attempt is over: its row is written.
    func account(for attempt: CallAttempt, isLost: Bool = false) {
        guard let account = attempt.account else { return }
        attempt.account = nil
        guard let cost = account.end(attempt.report(), isLost: isLost) else { return }
        guard let sum = record.price else {
            record.price = cost
            return
        }
        if sum.currency == cost.currency {
            record.price = (sum.amount.capped(adding: cost.amount), sum.currency)
        }
    }

    /// Bytes of what goes out, about. What was said before and files stand in no body.
    private func size(of sent: UpstreamRequest) -> Int {
        switch sent.payload {
        case .bytes(let body, _): return body.readableBytes
        case .canonical(let canonical):
            guard let asked, asked.previous != nil || asked.files != nil else { return request.body.readableBytes }
            return canonical.messages.reduce(request.body.readableBytes) { $0.capped(adding: $1.text().utf8.count) }
        }
    }
}
