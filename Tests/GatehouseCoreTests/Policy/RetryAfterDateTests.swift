import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct RetryAfterDateTests {
    /// 2026-11-23T08:00:00Z.
    private static let now: Int64 = 1_795_420_800

    @Test(
        arguments: [
            ("Mon, 23 Nov 2026 08:00:30 GMT", 30), ("Monday, 23-Nov-26 08:00:30 GMT", 30),
            ("Mon Nov 23 08:00:30 2026", 30), ("Mon, 23 Nov 2026 07:00:00 GMT", 1),
            ("Sun, 06 Nov 1994 08:49:37 GMT", 1), ("Sunday, 06-Nov-94 08:49:37 GMT", 1),
            ("Sun Nov  6 08:49:37 1994", 1),
            ("Mon, 23 Nov 2099 08:00:00 GMT", 3600), ("Fri, 31 Dec 9999 23:59:59 GMT", 3600),
            ("Mon, 23 Nov 2026 08:00:60 GMT", 60), ("Mon, 23 Nov 2026 24:00:00 GMT", nil),
            ("Mon, 31 Nov 2026 08:00:00 GMT", nil), ("Mon, 29 Feb 2027 08:00:00 GMT", nil),
            ("Tue, 29 Feb 2028 08:00:00 GMT", 3600), ("Mon, 23 Nov 2026 08:00:30 CET", nil),
            ("Mon, 23 Nov 2026 08:00:30", nil), ("Mon, 0 Nov 2026 08:00:30 GMT", nil), ("Mon,,,", nil), ("", nil),
            ("Xxx, 23 Nov 2026 08:00:30 GMT", nil), ("Mon, 23 Xxx 2026 08:00:30 GMT", nil),
            ("Mon, 23 Nov 026 08:00:30 GMT", nil), ("Mon, 23 Nov 2026 8:00:30 GMT", nil),
            ("Mon, 23 Nov 2026 08:00:30 GMT and much, much more of it", nil),
        ] as [(String, Int?)])
    func dates(text: String, seconds: Int?) {
        #expect(RetryAfter.seconds(text, now: Self.now) == seconds)
        #expect(RetryAfter.seconds(text) == nil)
    }

    @Test(
        arguments: [
            ("1e9", nil, 3600), ("99999999999999999999999", nil, 3600), ("-1", nil, nil), ("-inf", nil, nil),
            ("120", "soon", 120), ("Mon, 23 Nov 2026 08:00:30 GMT", "1500", 2), (" 7 ", nil, 7),
        ] as [(String, String?, Int?)])
    func numbers(text: String, milliseconds: String?, seconds: Int?) {
        #expect(RetryAfter.seconds(text, milliseconds: milliseconds, now: Self.now) == seconds)
    }

    /// Every second of any day is read back as it was, in each form that has it.
    @Test func everyDateIsReadBack() {
        var generator = SeededGenerator(seed: 4)
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        for _ in 0..<2000 {
            let year = Int.random(in: 1970...2075, using: &generator)
            let month = Int.random(in: 0..<12, using: &generator)
            let day = Int.random(in: 1...lengths[month], using: &generator)
            var days = day - 1
            for other in 1970..<year { days += other % 4 == 0 && (other % 100 != 0 || other % 400 == 0) ? 366 : 365 }
            days += lengths[..<month].reduce(0, +)
            if month > 1, year % 4 == 0, year % 100 != 0 || year % 400 == 0 { days += 1 }
            let two = day < 10 ? "0\(day)" : "\(day)"
            let expected = Int64(days * 86400 + 45_296)
            #expect(
                HTTPDateParser.seconds("Mon, \(two) \(months[month]) \(year) 12:34:56 GMT", now: Self.now) == expected)
            #expect(HTTPDateParser.seconds("Mon \(months[month]) \(day) 12:34:56 \(year)", now: Self.now) == expected)
            let short = year % 100 < 10 ? "0\(year % 100)" : "\(year % 100)"
            // Two digits reach from 49 years ago to 50 years ahead.
            guard (1977...2075).contains(year) else { continue }
            let old = HTTPDateParser.seconds("Monday, \(two)-\(months[month])-\(short) 12:34:56 GMT", now: Self.now)
            #expect(old == expected)
        }
    }
}
