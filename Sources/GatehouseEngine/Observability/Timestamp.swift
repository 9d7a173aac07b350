import Glibc

/// Times as logs write them: RFC 3339, UTC, milliseconds.
package enum Timestamp {
    /// Of this moment, by the system's clock.
    package static func now() -> String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return rfc3339(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
    }

    /// - Parameter seconds: Since 1970; held between the years 0 and 9999.
    package static func rfc3339(seconds: Int, milliseconds: Int) -> String {
        let seconds = min(max(seconds, -62_167_219_200), 253_402_300_799)
        let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let second = seconds - day * 86_400
        let (year, month, date) = civil(day)
        return String(unsafeUninitializedCapacity: 24) { out in
            var at = 0
            func put(_ value: Int, _ digits: Int, _ mark: Unicode.Scalar) {
                var value = value
                for index in stride(from: at + digits - 1, through: at, by: -1) {
                    out[index] = UInt8(0x30 + value % 10)
                    value /= 10
                }
                out[at + digits] = UInt8(ascii: mark)
                at += digits + 1
            }
            put(year, 4, "-")
            put(month, 2, "-")
            put(date, 2, "T")
            put(second / 3600, 2, ":")
            put(second / 60 % 60, 2, ":")
            put(second % 60, 2, ".")
            put(min(max(milliseconds, 0), 999), 3, "Z")
            return at
        }
    }

    /// The date of a day since 1970 in the Gregorian calendar, counted in eras of 400 years that begin in March, so
    /// that leap days come last.
    private static func civil(_ day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shiftedMonth + 2) / 5 + 1)
    }
}
