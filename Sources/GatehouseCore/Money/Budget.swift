/// How much somebody may spend in a stretch of time.
package struct BudgetRule: Sendable, Equatable {
    package enum Scope: String, Sendable, CaseIterable {
        case key, user, team, organization
    }

    /// What becomes of a call whose price is not known.
    package enum UnknownPrice: String, Sendable, CaseIterable {
        case refuse, allow
    }

    package var scope: Scope
    /// Whose: the name of a key, or the id of a user, team or organisation.
    package var owner: String
    package var amount: Money
    package var currency = "USD"
    package var period = BudgetPeriod.month
    /// From what on callers are warned; `nil` for never.
    package var warning: Money?
    package var unknownPrice = UnknownPrice.refuse

    package init(_ scope: Scope, _ owner: String, amount: Money) {
        self.scope = scope
        self.owner = owner
        self.amount = amount
    }

    /// For people and labels: `team:blue/month`.
    package var label: String { "\(scope.rawValue):\(owner)/\(period.rawValue)" }

    package func name(at time: Int) -> BudgetName {
        BudgetName(id: "\(label)/\(currency)", start: period.range(at: time).start)
    }

    /// Whether it is one of this key's.
    package func covers(_ key: VirtualKey) -> Bool {
        switch scope {
        case .key: key.name == owner
        case .user: key.membership.user == owner
        case .team: key.membership.team == owner
        case .organization: key.membership.organization == owner
        }
    }
}

/// A budget in one of its periods.
package struct BudgetName: Sendable, Hashable {
    package var id: String
    /// Seconds since 1970 at the period's beginning.
    package var start: Int

    package init(id: String, start: Int) {
        self.id = id
        self.start = start
    }
}

/// When a budget starts anew: with the day, the week (on Monday) or the month of the calendar in UTC, whatever the clocks
/// of people do; or never.
package enum BudgetPeriod: String, Sendable, CaseIterable {
    case day, week, month, total

    private static let daySeconds = 86_400

    /// The period that a time is in; no end for the one without.
    ///
    /// - Parameter time: Seconds since 1970.
    package func range(at time: Int) -> (start: Int, end: Int?) {
        let time = min(max(0, time), 1 << 40)
        let day = time / Self.daySeconds
        switch self {
        case .total: return (0, nil)
        case .day: return (day * Self.daySeconds, (day + 1) * Self.daySeconds)
        case .week:
            // The first of January 1970 was a Thursday.
            let monday = day - (day + 3) % 7
            return (monday * Self.daySeconds, (monday + 7) * Self.daySeconds)
        case .month:
            let date = CivilDate(day: day)
            let next =
                date.month == 12
                ? CivilDate(year: date.year + 1, month: 1, day: 1)
                : CivilDate(year: date.year, month: date.month + 1, day: 1)
            let first = CivilDate(year: date.year, month: date.month, day: 1)
            return (first.dayNumber * Self.daySeconds, next.dayNumber * Self.daySeconds)
        }
    }
}

/// A date of the Gregorian calendar.
package struct CivilDate: Sendable, Equatable {
    package var year: Int
    package var month: Int
    package var day: Int

    package init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// - Parameter number: Days since 1970, not before.
    package init(day number: Int) {
        // In years that begin with March, a leap day is the last of its year, and all months before have the same lengths.
        let days = number + 719_468
        let (era, dayOfEra) = days.quotientAndRemainder(dividingBy: 146_097)
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shifted + 2) / 5 + 1
        month = shifted < 10 ? shifted + 3 : shifted - 9
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }

    /// Reads `2026-12-01`, and nothing that is no day; years from 1970 to 9999.
    package init?(_ text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") else { return nil }
        func number(_ range: Range<Int>) -> Int? {
            bytes[range].reduce(Optional(0)) { sum, byte in
                (0x30...0x39).contains(byte) ? sum.map { $0 * 10 + Int(byte - 0x30) } : nil
            }
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            year >= 1970, (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        self.init(year: year, month: month, day: day)
        guard CivilDate(day: dayNumber) == self else { return nil }
    }

    /// Days since 1970.
    package var dayNumber: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let (era, yearOfEra) = shiftedYear.quotientAndRemainder(dividingBy: 400)
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    package var text: String {
        func padded(_ number: Int, _ width: Int) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }
}
