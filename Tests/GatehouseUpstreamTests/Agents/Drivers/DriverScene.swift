import GatehouseCore
import GatehouseUpstream
import NIOCore
import Testing

/// A machine in a written dialogue: what happens, and the words for what it does then.
struct DriverScene {
    var dialogue: DriverDialogue

    init(_ machine: any DriverMachine, lineLimit: Int = 8 << 20, turnLimit: Int = 1 << 20) {
        dialogue = DriverDialogue(machine, lineLimit: lineLimit, turnLimit: turnLimit)
    }

    static func setup(_ change: (inout DriverSetup) -> Void = { _ in }) -> DriverSetup {
        var setup = DriverSetup(directory: "/workspace")
        change(&setup)
        return setup
    }

    mutating func hear(_ input: DriverInput) -> [String] {
        dialogue.handle(input, clock: WallClock(now: 1_000_000)).map(Self.words)
    }

    /// The agent writes a line.
    mutating func line(_ text: String) -> [String] {
        dialogue.received(ByteBuffer(string: text + "\n"), clock: WallClock(now: 1_000_000)).map(Self.words)
    }

    /// It writes lines that must not matter.
    mutating func ignores(_ lines: String..., sourceLocation: SourceLocation = #_sourceLocation) {
        for line in lines { #expect(self.line(line) == [], "\(line)", sourceLocation: sourceLocation) }
    }

    static func words(_ action: DriverAction) -> String {
        switch action {
        case .write(let message): "> " + message.text
        case .timer(.handshake, let duration): "timer handshake \(duration)"
        case .timer(.cancel(let turn), let duration): "timer cancel \(turn) \(duration)"
        case .ready: "ready"
        case .event(let event): words(event)
        case .finished(let finish): words(finish)
        case .failed(let failure): "failed \(failure.kind.label)"
        case .cancelled: "cancelled"
        case .discard(let failure): "discard \(failure.kind.label)"
        }
    }

    private static func words(_ event: CanonicalEvent) -> String {
        switch event {
        case .started(let start): "started " + (start.session ?? "-")
        case .textDelta(let text): "text " + text
        case .reasoningDelta(let text): "thought " + text
        case .toolStarted(let id, let name, let input): "tool \(id) \(name) \(input ?? "-")"
        case .toolFinished(let id, let succeeded, let denied):
            "tool \(id) \(denied ? "denied" : succeeded ? "ok" : "failed")"
        case .limit(let limit): "limit \(limit.kind) \(limit.used ?? -1)"
        default: "\(event)"
        }
    }

    private static func words(_ finish: Finish) -> String {
        var words = ["finished", finish.reason.rawValue]
        if let usage = finish.usage { words.append("\(usage.input)+\(usage.output)") }
        if let cost = finish.cost { words.append("\(cost.amount)\(cost.unit)") }
        if let session = finish.session { words.append(session) }
        return words.joined(separator: " ")
    }
}
