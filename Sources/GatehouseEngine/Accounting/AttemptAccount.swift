import GatehouseCore
import NIOCore

/// The account of one attempt, from before it is sent to its row in the ledger. Confined to its call's event loop.
final class AttemptAccount {
    private let accounting: Accounting
    private let price: Price?
    private let requestBytes: Int
    /// The most that the caller lets be written, where it says so.
    private let maxOutput: Int?
    private var row: LedgerRow
    private var hold = BudgetBook.Hold.none
    private(set) var isSent = false
    private var isReserved = false
    private var isOver = false
    /// Bytes of the answer with its framing, and of texts without.
    private var received = 0
    private var texts = 0

    private let isStream: Bool
    /// Of a stream: no provider's events have more than a token in eight of their bytes.
    private static let bytesPerToken = 8

    init(_ accounting: Accounting, _ row: LedgerRow, price: Price?, sent: Sent) {
        self.accounting = accounting
        self.row = row
        self.price = price
        requestBytes = sent.bytes
        maxOutput = sent.maxOutput
        isStream = sent.isStream
    }

    /// What was sent, as far as estimates need it.
    struct Sent {
        var bytes: Int
        var maxOutput: Int?
        var isStream: Bool
    }

    func receive(_ bytes: Int) { received = received.capped(adding: bytes) }

    func receive(_ event: CanonicalEvent) {
        switch event {
        case .textDelta(let text), .reasoningDelta(let text), .refusalDelta(let text),
            .toolCallDelta(_, _, _, let text):
            texts = texts.capped(adding: text.utf8.count)
        default: break
        }
    }

    /// Asks budgets and the ledger for the leave to send it; `onEnd` says why not.
    func reserve(
        _ bounds: WorstCase.Bounds, _ rules: [BudgetRule], on eventLoop: any EventLoop,
        onEnd: @escaping (Result<[String], GatehouseError>) -> Void
    ) {
        guard let amount = worst(bounds) else {
            return onEnd(
                .failure(GatehouseError(.budgetExceeded, "The request could cost more than any budget can have.")))
        }
        accounting.budgets.reserve(amount, of: rules, on: eventLoop) { result in
            switch result {
            case .failure(let error): onEnd(.failure(error))
            case .success(let hold): self.keep(hold, amount, bounds, on: eventLoop, onEnd: onEnd)
            }
        }
    }

    private func worst(_ bounds: WorstCase.Bounds) -> Money? {
        guard let price else { return .zero }
        return bounds.input == 0 && bounds.output == 0 ? .zero : price.worst(input: bounds.input, output: bounds.output)
    }

    private func keep(
        _ hold: BudgetBook.Hold, _ amount: Money, _ bounds: WorstCase.Bounds, on eventLoop: any EventLoop,
        onEnd: @escaping (Result<[String], GatehouseError>) -> Void
    ) {
        guard !isOver else { return accounting.budgets.settle(hold, actual: .zero) }
        self.hold = hold
        guard !hold.parts.isEmpty else { return onEnd(.success([])) }
        isReserved = true
        var reserved = row
        reserved.holds = hold.parts
        reserved.usage = Usage(input: bounds.input, output: bounds.output)
        reserved.cost = amount
        reserved.currency = price?.currency
        let bound = NIOLoopBound(onEnd, eventLoop: eventLoop)
        accounting.store.reserve(reserved) { failure in
            eventLoop.execute { bound.value(failure.map { .failure($0) } ?? .success(hold.warnings)) }
        }
    }

    func send() { isSent = true }

    /// The attempt is over; gives what it cost, where that is known.
    func end(_ report: CallMachine.Report, isLost: Bool) -> (amount: Money, currency: String)? {
        guard !isOver else { return nil }
        isOver = true
        guard isSent else {
            accounting.budgets.settle(hold, actual: .zero)
            row.holds = hold.parts
            if isReserved { accounting.store.drop(row) }
            return nil
        }
        row.outcome = isLost ? "hedge_lost" : Self.word(report.outcome)
        row.reported = report.cost
        (row.state, row.usage) = settled(report)
        if let price, let usage = row.usage, let cost = UsageCost(usage, at: price) {
            // A request that was refused is not charged for as one.
            row.cost = row.state == .settled && usage.total == 0 && report.usage == nil ? .zero : cost.total
            row.currency = cost.currency
        }
        reconcile(report.cost)
        let actual = row.cost ?? .zero
        row.holds = hold.parts.map { BudgetHold(budget: $0.budget, amount: actual) }
        accounting.budgets.settle(hold, actual: actual)
        accounting.store.write(row)
        guard let cost = row.cost, let currency = row.currency else { return nil }
        return (cost, currency)
    }

    /// What the provider says it charges goes before what was worked out.
    private func reconcile(_ told: Cost?) {
        guard let told, told.unit == "usd", row.currency ?? "USD" == "USD", let amount = Money(number: told.amount),
            !amount.isNegative
        else { return }
        row.cost = amount
        row.currency = "USD"
    }

    private func settled(_ report: CallMachine.Report) -> (LedgerRow.State, Usage?) {
        switch report.outcome {
        case .completed where report.usage != nil: return (.settled, Self.counts(report.usage))
        case .failed(_, let failure?) where !failure.maybeBilled(sent: !failure.isUnsent):
            return (.settled, Self.counts(report.usage) ?? Usage(input: 0, output: 0))
        case .completed, .failed, .clientGone: return (.estimated, estimate(report.usage))
        }
    }

    /// Never less than what came, nor than what was told so far; a token is at least a byte of the request.
    private func estimate(_ told: Usage?) -> Usage {
        var output = (isStream ? received / Self.bytesPerToken : received).capped(adding: texts)
        if let maxOutput { output = min(output, maxOutput) }
        var usage = Self.counts(told) ?? Usage(input: requestBytes, output: 0)
        if usage.input == 0 { usage.input = requestBytes }
        usage.output = max(usage.output, output)
        return usage
    }

    /// The vendor's own object is of no use here, and may be large.
    private static func counts(_ usage: Usage?) -> Usage? {
        guard var usage else { return nil }
        usage.extensions = Extensions()
        return usage
    }

    private static func word(_ outcome: CallMachine.Outcome) -> String {
        switch outcome {
        case .completed: "completed"
        case .failed(let code, let failure): failure?.kind.label ?? code.rawValue
        case .clientGone: "client_gone"
        }
    }
}
