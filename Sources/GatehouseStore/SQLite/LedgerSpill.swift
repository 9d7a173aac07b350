import GatehouseCore
import Glibc
import NIOPosix
import Synchronization

/// Rows of the ledger that the database did not take, a line of JSON each. Whole lines only are read again.
final class LedgerSpill: Sendable {
    /// Bytes of the file.
    static let maximumSize = 256 << 20

    private struct State {
        var rows = 0
        var lost = 0
    }

    private let path: String
    private let state: Mutex<State>
    /// Held while the file is written or put aside. Taken on threads that may wait.
    private let file = Mutex<Void>(())

    init(path: String) {
        self.path = path
        let left = Self.lines(path).count + Self.lines(path + ".old").count
        state = Mutex(State(rows: left))
    }

    var counts: (spilled: Int, lost: Int) { state.withLock { ($0.rows, $0.lost) } }

    /// Adds a row, on a thread that may wait for a disk; `onEnd` is called with why it could not be kept.
    func add(_ row: LedgerRow, onEnd: @escaping @Sendable (String?) -> Void) {
        let line = Array(LedgerLine.text(row).utf8) + [UInt8(ascii: "\n")]
        state.withLock { $0.rows += 1 }
        NIOThreadPool.singleton.submit { [self] _ in
            let problem = file.withLock { _ in append(line) }
            if problem != nil {
                state.withLock {
                    $0.rows -= 1
                    $0.lost += 1
                }
            }
            onEnd(problem.map { "a row of the ledger is lost: \($0)" })
        }
    }

    private func append(_ line: [UInt8]) -> String? {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return PrivateFile.reason() }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size < Self.maximumSize else { return "the file is full" }
        guard write(descriptor, line, line.count) == line.count else { return PrivateFile.reason() }
        return nil
    }

    /// Hands on all rows, the oldest first, and forgets those that were taken; how many.
    func empty(
        _ take: @Sendable (LedgerRow) async throws(GatehouseError) -> Void
    ) async throws(GatehouseError) -> Int {
        guard state.withLock({ $0.rows }) > 0 else { return 0 }
        let old = path + ".old"
        let lines = await BlockingWork.run { [self] in
            file.withLock { _ in
                // What was put aside before and not taken whole comes first.
                if access(old, F_OK) != 0 { rename(path, old) }
                return Self.lines(old)
            }
        }
        var count = 0
        for line in lines {
            // Taking a row twice changes nothing.
            if let row = LedgerLine.row(line) { try await take(row) }
            count += 1
        }
        await BlockingWork.run { _ = unlink(old) }
        state.withLock { [count] in $0.rows = max(0, $0.rows - count) }
        return count
    }

    private static func lines(_ path: String) -> [ArraySlice<UInt8>] {
        guard let bytes = try? PrivateFile.read(path, limit: maximumSize + (1 << 20)),
            let end = bytes.lastIndex(of: UInt8(ascii: "\n"))
        else { return [] }
        return bytes[..<end].split(separator: UInt8(ascii: "\n"))
    }
}

/// A row of the ledger as a line of JSON.
enum LedgerLine {
    static func text(_ row: LedgerRow) -> String {
        let usage = row.usage
        return JSONValue.object([
            "id": .string(row.id), "time": .int(row.time), "request": .string(row.request), "key": .string(row.key),
            "user": row.membership.user.map { .string($0) }, "team": row.membership.team.map { .string($0) },
            "organization": row.membership.organization.map { .string($0) }, "operation": .string(row.operation),
            "provider": .string(row.provider), "model": .string(row.model),
            "account": row.account.map { .string($0) }, "attempt": .int(row.attempt),
            "outcome": .string(row.outcome), "state": .string(row.state.rawValue),
            "tokens": usage.map { usage in .array((usage.counts + [usage.imageInput]).map { .int($0) }) },
            "cost": row.cost.map { .string($0.text) }, "currency": row.currency.map { .string($0) },
            "unit": row.reported.map { .string($0.unit) }, "amount": row.reported.map { .string($0.amount) },
            "holds": .array(
                row.holds.map { hold in
                    .object([
                        "budget": .string(hold.budget.id), "start": .int(hold.budget.start),
                        "amount": .string(hold.amount.text),
                    ])
                }),
        ]).text
    }

    static func row(_ line: ArraySlice<UInt8>) -> LedgerRow? {
        guard let value = try? JSONValue(parsing: line), let id = value["id"]?.string, let time = value["time"]?.int,
            let state = value["state"]?.string.flatMap({ LedgerRow.State(rawValue: $0) })
        else { return nil }
        func text(_ key: String) -> String { value[key]?.string ?? "" }
        var row = LedgerRow(
            id: id, time: time, request: text("request"), key: text("key"), provider: text("provider"),
            model: text("model"), attempt: value["attempt"]?.int ?? 1)
        row.membership = Membership(
            user: value["user"]?.string, team: value["team"]?.string, organization: value["organization"]?.string)
        row.operation = text("operation")
        row.account = value["account"]?.string
        row.outcome = text("outcome")
        row.state = state
        row.usage = usage(value["tokens"])
        row.cost = value["cost"]?.string.flatMap { Money($0) }
        row.currency = value["currency"]?.string
        if let unit = value["unit"]?.string { row.reported = Cost(unit: unit, amount: text("amount")) }
        row.holds = (value["holds"]?.array ?? []).compactMap { hold in
            guard let budget = hold["budget"]?.string, let start = hold["start"]?.int,
                let amount = hold["amount"]?.string.flatMap({ Money($0) })
            else { return nil }
            return BudgetHold(budget: BudgetName(id: budget, start: start), amount: amount)
        }
        return row
    }

    private static func usage(_ tokens: JSONValue?) -> Usage? {
        let counts = (tokens?.array ?? []).compactMap(\.int)
        guard counts.count == 9 else { return nil }
        var usage = Usage(input: counts[0], output: counts[1], cachedInput: counts[2], reasoning: counts[3])
        (usage.cacheWrite, usage.cacheWriteHour) = (counts[4], counts[5])
        (usage.audioInput, usage.audioOutput, usage.imageInput) = (counts[6], counts[7], counts[8])
        return usage
    }
}
