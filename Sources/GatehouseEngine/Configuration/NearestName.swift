/// Finds what somebody meant to write.
enum NearestName {
    /// The candidate that the fewest edits lead to; `nil` when none is near enough to be worth a hint.
    static func to(_ name: String, among candidates: some Sequence<String>) -> String? {
        let written = Array(name.utf8.prefix(64))
        let limit = max(2, written.count / 3)
        var best: (name: String, distance: Int)?
        for candidate in candidates {
            let distance = distance(written, Array(candidate.utf8))
            if distance <= limit, distance < best?.distance ?? .max { best = (candidate, distance) }
        }
        return best?.name
    }

    /// Insertions, deletions, replacements, and swaps of neighbours; case counts for nothing.
    static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        let left = left.map(lowered)
        let right = right.map(lowered)
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            current.reserveCapacity(right.count + 1)
            for (column, other) in right.enumerated() {
                var cost = min(last[column + 1] + 1, current[column] + 1, last[column] + (byte == other ? 0 : 1))
                if row > 0, column > 0, byte == right[column - 1], left[row - 1] == other {
                    cost = min(cost, beforeLast[column - 1] + 1)
                }
                current.append(cost)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte ? byte | 0x20 : byte
    }
}
