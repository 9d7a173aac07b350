/// Reads a date of HTTP (RFC 9110 §5.6.7) in each of its three forms.
package enum HTTPDateParser {
    /// Seconds since 1970-01-01T00:00:00Z, or `nil` when it is no date.
    ///
    /// - Parameter now: The wall clock, in the same unit: RFC 850 has years of two digits, and a date that would be more
    ///   than fifty years ahead is one of the past.
    package static func seconds(_ text: String, now: Int64) -> Int64? {
        guard text.utf8.count <= 40 else { return nil }
        let words = text.utf8.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "-") }
        guard words.count == 5 || words.count == 6, isDayName(words[0]) else { return nil }
        let isAsctime = words.count == 5
        guard isAsctime || words[5].elementsEqual("GMT".utf8) else { return nil }
        guard let month = month(words[isAsctime ? 1 : 2]), let day = number(words[isAsctime ? 2 : 1], 1...2),
            let written = number(words[isAsctime ? 4 : 3], 2...4), let time = time(words[isAsctime ? 3 : 4])
        else { return nil }
        let isShort = words[isAsctime ? 4 : 3].count == 2
        guard !isShort || !isAsctime, isShort || written >= 1000 else { return nil }
        let year = isShort ? fullYear(written, now: now) : written
        guard day >= 1, day <= days(of: month, year) else { return nil }
        return daysSince1970(year, month, day) * 86400 + time
    }

    private typealias Word = Substring.UTF8View

    /// Short or long; that it fits the date is not asked: senders err in it, and the date stands without it.
    private static func isDayName(_ word: Word) -> Bool {
        let names: [StaticString] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
        return word.count >= 3 && names.contains { name in name.withUTF8Buffer { word.starts(with: $0) } }
    }

    private static func month(_ word: Word) -> Int64? {
        let names: [StaticString] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ]
        return names.firstIndex { name in name.withUTF8Buffer { word.elementsEqual($0) } }.map { Int64($0) + 1 }
    }

    private static func number(_ word: Word, _ lengths: ClosedRange<Int>) -> Int64? {
        guard lengths.contains(word.count), word.allSatisfy({ $0 &- 48 < 10 }) else { return nil }
        return word.reduce(0) { $0 * 10 + Int64($1 &- 48) }
    }

    private static func time(_ word: Word) -> Int64? {
        let parts = word.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count == 3, let hour = number(parts[0], 2...2), let minute = number(parts[1], 2...2),
            let second = number(parts[2], 2...2), hour < 24, minute < 60, second <= 60
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    private static func fullYear(_ short: Int64, now: Int64) -> Int64 {
        let thisYear = 1970 + now / 31_556_952
        let year = thisYear / 100 * 100 + short
        return year > thisYear + 50 ? year - 100 : year
    }

    private static func days(of month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Of the Gregorian calendar; years count from March, so that the leap day is a year's last.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear - 719_468
    }
}
