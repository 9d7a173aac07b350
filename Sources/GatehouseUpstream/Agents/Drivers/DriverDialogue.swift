import GatehouseCore
package import NIOCore

/// A machine and the lines that it reads. Lines are bounded, and so is what comes of one turn, or between two.
package struct DriverDialogue: Sendable {
    private var machine: any DriverMachine
    private var framer: JSONLineFramer
    private let limit: Int
    private var left: Int

    package init(_ machine: any DriverMachine, lineLimit: Int = 8 << 20, turnLimit: Int) {
        self.machine = machine
        framer = JSONLineFramer(lineLimit: lineLimit, totalLimit: .max)
        limit = turnLimit
        left = turnLimit
    }

    package mutating func handle(_ input: DriverInput, clock: WallClock) -> [DriverAction] {
        machine.clock = clock
        if case .prompt = input { left = limit }
        return machine.handle(input)
    }

    /// Takes what the process wrote.
    package mutating func received(_ bytes: ByteBuffer, clock: WallClock) -> [DriverAction] {
        machine.clock = clock
        var actions: [DriverAction] = []
        do throws(Failure) {
            left -= bytes.readableBytes
            guard left >= 0 else { throw Failure(.outputTooLarge, detail: "more than \(limit) bytes of one turn") }
            try framer.feed(bytes)
            while let line = try framer.next() { actions += machine.handle(.line(line)) }
        } catch {
            actions.append(.discard(error))
        }
        if actions.contains(where: \.endsTurn) { left = limit }
        return actions
    }
}

extension DriverAction {
    /// Whether nobody is left to hear more of a turn.
    var endsTurn: Bool {
        switch self {
        case .finished, .failed, .cancelled, .discard: true
        case .write, .timer, .ready, .event: false
        }
    }
}
