import GatehouseCore
import Testing

@Suite struct BudgetLeaseTests {
    private static func money(_ text: String) throws -> Money { try #require(Money(text)) }

    @Test func aSliceIsAskedForAndReservedFrom() throws {
        let (limit, one) = (try Self.money("3"), try Self.money("1"))
        var lease = BudgetLease()
        #expect(lease.reserve(one, limit: limit) == .needs(one))
        lease.took(BudgetGrant(amount: one, elsewhere: .zero), of: one, limit: limit)
        #expect(lease.reserve(one, limit: limit) == .reserved)
        #expect(lease.reserve(one, limit: limit) == .needs(one))
        let (two, quarter, rest) = (try Self.money("2"), try Self.money("0.25"), try Self.money("0.75"))
        lease.took(BudgetGrant(amount: .zero, elsewhere: two), of: one, limit: limit)
        #expect(lease.reserve(one, limit: limit) == .refused)
        lease.settle(one, actual: quarter)
        #expect(lease.reserve(rest, limit: limit) == .reserved, "what was not used is free at once")
        #expect(lease.reserve(.zero, limit: limit) == .reserved, "what costs nothing always passes")
    }

    @Test func aLoweredLimitHoldsAtOnceAndARaisedOneIsAskedFor() throws {
        let (one, half, two) = (try Self.money("1"), try Self.money("0.5"), try Self.money("2"))
        var lease = BudgetLease()
        _ = lease.reserve(one, limit: one)
        lease.took(BudgetGrant(amount: one, elsewhere: .zero), of: one, limit: one)
        #expect(lease.reserve(one, limit: half) == .refused)
        #expect(lease.reserve(one, limit: one) == .reserved)
        #expect(lease.reserve(one, limit: one) == .refused)
        #expect(lease.reserve(one, limit: two) == .needs(one))
    }

    /// Several instances, one store, calls that cost up to what they reserved: never more than the limit.
    @Test(arguments: 0..<50)
    func instancesTogetherNeverSpendMore(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let limit = Money(units: Int128(Int.random(in: 1000...5000, using: &generator)))
        var leases = [BudgetLease(), BudgetLease(), BudgetLease()]
        var granted = [Money.zero, .zero, .zero]
        var running: [(Int, Money)] = []
        var spent = Money.zero
        for _ in 0..<600 {
            let index = Int.random(in: 0..<3, using: &generator)
            if Bool.random(using: &generator), let call = running.popLast() {
                let actual = Money(units: Int128.random(in: 0...call.1.units, using: &generator))
                leases[call.0].settle(call.1, actual: actual)
                spent = spent.capped(adding: actual)
                continue
            }
            let amount = Money(units: Int128(Int.random(in: 1...400, using: &generator)))
            var verdict = leases[index].reserve(amount, limit: limit)
            if case .needs(let wanted) = verdict {
                let all = granted.reduce(Money.zero) { $0.capped(adding: $1) }
                let grant = min(wanted, limit.floored(subtracting: all))
                let elsewhere = all.floored(subtracting: granted[index])
                granted[index] = granted[index].capped(adding: grant)
                leases[index].took(BudgetGrant(amount: grant, elsewhere: elsewhere), of: wanted, limit: limit)
                verdict = leases[index].reserve(amount, limit: limit)
            }
            if verdict == .reserved { running.append((index, amount)) }
            let held = running.reduce(spent) { $0.capped(adding: $1.1) }
            #expect(held <= limit)
        }
        #expect(spent > .zero)
    }

    @Test(arguments: [
        (BudgetPeriod.day, "2026-12-01", "2026-12-02"), (.week, "2026-11-30", "2026-12-07"),
        (.month, "2026-12-01", "2027-01-01"),
    ])
    func periodsAreThoseOfTheCalendar(_ period: BudgetPeriod, _ start: String, _ end: String) throws {
        let range = period.range(at: 1_796_139_000)
        let next = try #require(range.end)
        #expect(CivilDate(day: range.start / 86_400).text == start)
        #expect(CivilDate(day: next / 86_400).text == end)
        #expect(BudgetPeriod.total.range(at: .max).end == nil)
    }

    @Test func datesAreReadAndWritten() {
        for day in stride(from: 0, to: 60_000, by: 7) {
            let date = CivilDate(day: day)
            #expect(date.dayNumber == day && CivilDate(date.text) == date)
        }
        for text in ["2026-02-29", "2026-13-01", "1969-12-31", "2026-1-1", "2026-00-10", "abcd-ef-gh"] {
            #expect(CivilDate(text) == nil, "\(text)")
        }
        #expect(CivilDate("2028-02-29") != nil)
    }
}
