import GatehouseCore

/// Removes what programs write for terminals: escape sequences (CSI, OSC and the two-byte ones). It remembers a
/// sequence that is cut in the middle.
struct TerminalText: Sendable {
    private enum State: Sendable { case text, escape, sequence, command, commandEscape }
    private var state = State.text

    /// The bytes of `input` that are text.
    mutating func strip(_ input: some Sequence<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        for byte in input where step(byte) { output.append(byte) }
        return output
    }

    /// The bytes of a whole piece that are text.
    static func strip(_ input: some Sequence<UInt8>) -> [UInt8] {
        var filter = TerminalText()
        return filter.strip(input)
    }

    private mutating func step(_ byte: UInt8) -> Bool {
        switch state {
        case .text:
            guard byte == 0x1B else { return true }
            state = .escape
        case .escape:
            switch byte {
            case UInt8(ascii: "["): state = .sequence
            case UInt8(ascii: "]"), UInt8(ascii: "P"), UInt8(ascii: "_"), UInt8(ascii: "^"): state = .command
            case 0x20...0x2F: break
            default: state = .text
            }
        case .sequence:
            if (0x40...0x7E).contains(byte) || byte == 0x0A { state = .text }
        case .command:
            if byte == 0x07 || byte == 0x0A { state = .text } else if byte == 0x1B { state = .commandEscape }
        case .commandEscape:
            state = .text
        }
        return false
    }
}
