/// Reads from an error message how long to wait.
///
/// Known forms: `in 34m13s`, `in 3 days 6 hours 57 minutes`, `in 34.07s`, `limit reached|1700000000`, `at 3:28 PM`,
/// `resets 3pm`, `at Aug 8th, 2026 12:30 PM`. Clock times are read in the host's zone; one that names another zone is
/// left alone.
enum ResetTime {
    private static let longest = 31 * 86_400

    /// Seconds to wait, at least 1 and at most 31 days; `nil` when the message tells none.
    static func seconds(in message: String, clock: WallClock) -> Int? {
        let text = message.lowercased()
        guard let seconds = epoch(text, clock) ?? duration(text) ?? date(text, clock) ?? timeOfDay(text, clock)
        else { return nil }
        return min(max(seconds, 1), longest)
    }

    // MARK: Forms

    private static func epoch(_ text: String, _ clock: WallClock) -> Int? {
        for part in text.split(separator: "|").dropFirst() {
            let digits = part.prefix { $0.isASCII && $0.isNumber }
            if digits.utf8.count == 10, let time = Int(digits) { return time - clock.now }
        }
        return nil
    }

    /// What follows the word "in" or "after", as long as it is numbers with units.
    private static func duration(_ text: String) -> Int? {
        var tokens = tokenize(text)[...]
        while let token = tokens.popFirst() {
            guard token == "in" || token == "after" else { continue }
            var total = 0.0
            var found = false
            var rest = tokens
            while let number = rest.popFirst(), let value = Double(number), value.isFinite, value < 1e9 {
                guard let unit = rest.popFirst(), let seconds = unitSeconds(unit) else { break }
                total += value * seconds
                found = true
                if rest.first == "and" { rest.removeFirst() }
            }
            if found { return Int(min(total.rounded(.up), Double(longest))) }
        }
        return nil
    }

    private static func unitSeconds(_ unit: String) -> Double? {
        switch unit {
        case "s", "sec", "secs", "second", "seconds": 1
        case "m", "min", "mins", "minute", "minutes": 60
        case "h", "hr", "hrs", "hour", "hours": 3600
        case "d", "day", "days": 86_400
        case "w", "week", "weeks": 604_800
        case "ms": 0.001
        default: nil
        }
    }

    /// `aug 8 th 2026 12:30 pm`.
    private static func date(_ text: String, _ clock: WallClock) -> Int? {
        let tokens = tokenize(text)
        for index in tokens.indices {
            guard let month = months.firstIndex(of: String(tokens[index].prefix(3))) else { continue }
            var rest = tokens[(index + 1)...]
            guard let day = rest.popFirst().flatMap({ Int($0) }), (1...31).contains(day) else { continue }
            if let suffix = rest.first, ["st", "nd", "rd", "th"].contains(suffix) { rest.removeFirst() }
            guard let year = rest.popFirst().flatMap({ Int($0) }), (2020...2200).contains(year) else { continue }
            guard let minutes = minutesOfDay(&rest), isLocal(rest) else { continue }
            let days = daysSince1970(year: year, month: month + 1, day: day)
            return days * 86_400 + minutes * 60 - clock.offset - clock.now
        }
        return nil
    }

    /// The next time the clock shows what follows "at" or "resets".
    private static func timeOfDay(_ text: String, _ clock: WallClock) -> Int? {
        var tokens = tokenize(text)[...]
        while let token = tokens.popFirst() {
            guard token == "at" || token == "resets" else { continue }
            var rest = tokens
            guard let minutes = minutesOfDay(&rest), isLocal(rest) else { continue }
            let local = clock.now + clock.offset
            let wait = minutes * 60 - (local % 86_400)
            return wait > 0 ? wait : wait + 86_400
        }
        return nil
    }

    // MARK: Pieces

    /// `3:28 pm`, `3 pm`, `15:28`.
    private static func minutesOfDay(_ tokens: inout ArraySlice<String>) -> Int? {
        guard var hour = tokens.popFirst().flatMap({ Int($0) }), (0...23).contains(hour) else { return nil }
        var minute = 0
        var isTime = false
        if tokens.first == ":" {
            tokens.removeFirst()
            guard let value = tokens.popFirst().flatMap({ Int($0) }), (0...59).contains(value) else { return nil }
            minute = value
            isTime = true
        }
        if let half = tokens.first, half == "am" || half == "pm" {
            guard (1...12).contains(hour) else { return nil }
            tokens.removeFirst()
            hour = hour % 12 + (half == "pm" ? 12 : 0)
            isTime = true
        }
        return isTime ? hour * 60 + minute : nil
    }

    /// Whether no other time zone is named behind a clock time.
    private static func isLocal(_ rest: ArraySlice<String>) -> Bool { rest.first != "(" }

    /// Numbers, words and the marks that matter. `34m13s` gives four tokens.
    private static func tokenize(_ text: String) -> [String] {
        var tokens: [String] = []
        var current = ""
        var isNumber = false
        func flush() {
            if current.hasSuffix(".") { current.removeLast() }
            if !current.isEmpty { tokens.append(current) }
            current = ""
        }
        for character in text.prefix(4096) {
            guard character.isASCII else {
                flush()
                continue
            }
            if character.isNumber || (character == "." && isNumber && !current.isEmpty) {
                if !isNumber { flush() }
                isNumber = true
                current.append(character)
            } else if character.isLetter {
                if isNumber { flush() }
                isNumber = false
                current.append(character)
            } else {
                flush()
                if character == ":" || character == "(" { tokens.append(String(character)) }
            }
        }
        flush()
        return tokens
    }

    private static let months = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ]

    /// Days of the Gregorian calendar, by Howard Hinnant's algorithm.
    private static func daysSince1970(year: Int, month: Int, day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}
