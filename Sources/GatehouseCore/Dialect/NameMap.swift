/// Names and ids that break a target's rules, and what stands for them.
///
/// The stand-in is made from the name itself, so the same name has the same one in every request and prompts stay
/// cacheable; a hash keeps long names apart. Only stand-ins are kept: a map of legal names is empty.
package struct NameMap: Sendable, Equatable {
    private var originals: [String: String] = [:]

    package init() {}

    package var isEmpty: Bool { originals.isEmpty }

    /// What stands for `name` at a target whose rule is `rule`.
    package mutating func legal(_ name: String, _ rule: NameRule) -> String {
        if rule.allows(name) { return name }
        let standIn = rule.standIn(for: name)
        originals[standIn] = name
        return standIn
    }

    /// What the caller calls it.
    package func original(_ name: String) -> String { originals[name] ?? name }

    /// The event with the caller's names.
    package func restore(_ event: CanonicalEvent) -> CanonicalEvent {
        guard !isEmpty, case .toolCallDelta(let index, let id, .some(let name), let arguments) = event else {
            return event
        }
        return .toolCallDelta(index: index, id: id, name: original(name), arguments: arguments)
    }

    /// The answer with the caller's names.
    package func restore(_ response: CanonicalResponse) -> CanonicalResponse {
        guard !isEmpty else { return response }
        var response = response
        for index in response.parts.indices {
            guard case .toolCall(var call) = response.parts[index].content else { continue }
            call.name = original(call.name)
            response.parts[index].content = .toolCall(call)
        }
        return response
    }
}

/// What a target takes for a name or an id.
package struct NameRule: Sendable, Equatable {
    package var length: ClosedRange<Int>
    /// Beside ASCII letters and digits.
    package var marks: String
    package var startsWithLetter = false

    package init(_ length: ClosedRange<Int>, marks: String = "_-", startsWithLetter: Bool = false) {
        self.length = length
        self.marks = marks
        self.startsWithLetter = startsWithLetter
    }

    package func allows(_ name: String) -> Bool {
        let bytes = name.utf8
        guard length.contains(bytes.count), bytes.allSatisfy(isLegal) else { return false }
        return !startsWithLetter || bytes.first.map { isLetter($0) || $0 == UInt8(ascii: "_") } == true
    }

    /// A legal name made of the legal characters of `name` and a hash of all of it.
    func standIn(for name: String) -> String {
        let digits = Array("0123456789abcdefghijklmnopqrstuvwxyz".utf8)
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325  // FNV-1a
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        var suffix: [UInt8] = []
        for _ in 0..<min(9, length.upperBound) {
            suffix.append(digits[Int(hash % 36)])
            hash /= 36
        }
        let mark: [UInt8] = marks.utf8.contains(UInt8(ascii: "_")) ? [UInt8(ascii: "_")] : []
        let room = length.upperBound - suffix.count - mark.count
        guard room > 0 else { return String(decoding: suffix, as: UTF8.self) }
        var head = Array(name.utf8.filter(isLegal).prefix(room))
        if startsWithLetter, head.first.map(isLetter) != true {
            head = Array(([UInt8(ascii: "t")] + head).prefix(room))
        }
        return String(decoding: head + mark + suffix, as: UTF8.self)
    }

    private func isLegal(_ byte: UInt8) -> Bool {
        isLetter(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || marks.utf8.contains(byte)
    }

    private func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }
}
