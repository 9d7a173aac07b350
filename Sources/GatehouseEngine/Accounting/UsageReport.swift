package import GatehouseCore

/// What was spent, for people and programs.
package struct UsageReport: Sendable {
    private let query: UsageQuery
    private let lines: [UsageLine]

    package init(query: UsageQuery, lines: [UsageLine]) {
        self.query = query
        self.lines = lines
    }

    private static let counts = [
        "input_tokens", "output_tokens", "cached_input_tokens", "cache_write_tokens", "reasoning_tokens",
    ]

    /// - Parameters:
    ///   - by: Names of groups with commas between them; by key where nothing is said.
    ///   - from: The first day, `2026-12-01`.
    ///   - to: The last day.
    package static func query(by: String?, from: String?, to: String?) throws(GatehouseError) -> UsageQuery {
        var groups: [UsageQuery.Group] = []
        for word in (by ?? "key").split(separator: ",", omittingEmptySubsequences: false) {
            guard let group = UsageQuery.Group(rawValue: String(word)), !groups.contains(group) else {
                let known = UsageQuery.Group.allCases.map(\.rawValue).joined(separator: ", ")
                throw GatehouseError(
                    .invalidValue, "by is a list, with commas, of some of \(known), each once.", param: "by")
            }
            groups.append(group)
        }
        let first = try day(from, "from")
        let last = try day(to, "to")
        return UsageQuery(groups: groups, from: first.map { $0 * 86_400 }, to: last.map { ($0 + 1) * 86_400 })
    }

    private static func day(_ text: String?, _ param: String) throws(GatehouseError) -> Int? {
        guard let text else { return nil }
        guard let date = CivilDate(text) else {
            throw GatehouseError(.invalidValue, "\(param) is a day in UTC, such as 2026-12-01.", param: param)
        }
        return date.dayNumber
    }

    private func counts(_ line: UsageLine) -> [Int] {
        let usage = line.usage
        return [
            usage.input, usage.output, usage.cachedInput, usage.cacheWrite.capped(adding: usage.cacheWriteHour),
            usage.reasoning,
        ]
    }

    package var json: JSONValue {
        let list = lines.map { line -> JSONValue in
            var members: [JSONValue.Member] = zip(query.groups, line.names).map {
                .init($0.rawValue, $1.isEmpty ? .null : .string($1))
            }
            members.append(.init("attempts", .int(line.attempts)))
            members.append(.init("estimated_attempts", .int(line.estimated)))
            members.append(.init("unpriced_attempts", .int(line.unknown)))
            for (name, count) in zip(Self.counts, counts(line)) { members.append(.init(name, .int(count))) }
            members.append(.init("cost", line.currency == nil ? .null : .string(line.cost.text)))
            members.append(.init("currency", line.currency.map { .string($0) } ?? .null))
            return .object(members)
        }
        return .object([
            .init("by", .array(query.groups.map { .string($0.rawValue) })), .init("usage", .array(list)),
            .init("truncated", .bool(lines.count >= query.limit)),
        ])
    }

    /// Names of columns, then lines.
    package var table: [[String]] {
        let head = query.groups.map(\.rawValue) + ["attempts", "estimated_attempts", "unpriced_attempts"] + Self.counts
        return [head + ["cost", "currency"]]
            + lines.map { line in
                line.names + [line.attempts, line.estimated, line.unknown].map(String.init)
                    + counts(line).map(String.init)
                    + [line.currency == nil ? "" : line.cost.text, line.currency ?? ""]
            }
    }

    /// RFC 4180. What a spreadsheet would take for a formula stands behind an apostrophe.
    package var csv: String {
        table.map { row in row.map(Self.cell).joined(separator: ",") + "\r\n" }.joined()
    }

    private static func cell(_ text: String) -> String {
        let isFormula = text.utf8.first.map { "=+-@\t".utf8.contains($0) } ?? false
        let safe = isFormula ? "'" + text : text
        guard safe.utf8.contains(where: { ",\"\r\n".utf8.contains($0) }) else { return safe }
        return "\"" + safe.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
