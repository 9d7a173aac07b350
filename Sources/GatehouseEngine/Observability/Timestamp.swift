package import GatehouseCore
import Glibc

/// A time as logs write it: RFC 3339, UTC, milliseconds.
package struct Timestamp: Sendable {
    /// Since 1970.
    let seconds: Int
    private let milliseconds: Int

    /// This moment, by the system's clock.
    package init() {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        self.init(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
    }

    /// - Parameter seconds: Since 1970; held between the years 0 and 9999.
    package init(seconds: Int, milliseconds: Int) {
        self.seconds = min(max(seconds, -62_167_219_200), 253_402_300_799)
        self.milliseconds = min(max(milliseconds, 0), 999)
    }

    package static func now() -> String { Timestamp().text }

    package static func rfc3339(seconds: Int, milliseconds: Int) -> String {
        Timestamp(seconds: seconds, milliseconds: milliseconds).text
    }

    private var text: String {
        String(unsafeUninitializedCapacity: 24) { out in
            var writer = TextWriter(UnsafeMutableRawBufferPointer(out))
            write(to: &writer)
            return writer.count
        }
    }

    /// Writes its 24 characters.
    package func write(to writer: inout TextWriter) {
        let day = seconds >= 0 ? seconds / 86_400 : (seconds - 86_399) / 86_400
        let second = seconds - day * 86_400
        let (year, month, date) = Self.civil(day)
        Self.put(year, 4, "-", to: &writer)
        Self.put(month, 2, "-", to: &writer)
        Self.put(date, 2, "T", to: &writer)
        Self.put(second / 3600, 2, ":", to: &writer)
        Self.put(second / 60 % 60, 2, ":", to: &writer)
        Self.put(second % 60, 2, ".", to: &writer)
        Self.put(milliseconds, 3, "Z", to: &writer)
    }

    private static func put(_ value: Int, _ digits: Int, _ mark: Unicode.Scalar, to writer: inout TextWriter) {
        writer.decimal(UInt64(max(0, value)), minimum: digits)
        writer.byte(UInt8(ascii: mark))
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
