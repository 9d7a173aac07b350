import GatehouseCore
import NIOCore

/// One call's machine with what the test says to it and what came out.
struct Dialogue {
    var machine: CallMachine
    /// What the caller was sent of a stream.
    private(set) var out = ""
    private(set) var actions: [CallMachine.Action] = []

    init(
        _ operation: GatehouseCore.Operation, stream: Bool, to lane: UpstreamLane, names: NameMap = NameMap(),
        change: (inout CallMachine.Plan) -> Void = { _ in }
    ) {
        var plan = CallMachine.Plan(
            operation: operation, stream: stream, lane: lane, upstreamKind: .provider,
            identity: AnswerIdentity(call: "k", model: "alias", created: 5), names: names)
        change(&plan)
        machine = CallMachine(plan)
    }

    @discardableResult
    mutating func head(_ type: String = "text/event-stream", status: Int = 200) -> CallMachine.Action {
        note(machine.received(head: UpstreamHead(status: status, contentType: type)))
    }

    @discardableResult
    mutating func say(_ text: String) -> CallMachine.Action { say(ByteBuffer(string: text)) }

    @discardableResult
    mutating func say(_ bytes: ByteBuffer) -> CallMachine.Action { note(machine.received(bytes: bytes)) }

    @discardableResult
    mutating func end() -> CallMachine.Action { note(machine.receivedEnd()) }

    @discardableResult
    mutating func fail(_ failure: Failure) -> CallMachine.Action { note(machine.failed(failure)) }

    /// A whole answer and what becomes of it.
    mutating func answer(_ body: String) -> CallMachine.Action {
        head("application/json")
        say(body)
        return end()
    }

    /// The error that ended it, if one did.
    var error: GatehouseError? {
        switch actions.last {
        case .fail(let error), .breakOff(_, let error): error
        default: nil
        }
    }

    private mutating func note(_ action: CallMachine.Action) -> CallMachine.Action {
        actions.append(action)
        switch action {
        case .begin(let pieces), .relay(let pieces), .finish(let pieces, _): write(pieces)
        case .breakOff(let pieces, let error):
            write(pieces)
            out += String(buffer: machine.errorEvent(error, requestID: "req"))
        case .wait, .respond, .fail, .sever, .stop: break
        }
        return action
    }

    private mutating func write(_ pieces: Pieces) {
        switch pieces {
        case .none: break
        case .one(let piece): out += String(buffer: piece)
        case .many(let list): for piece in list { out += String(buffer: piece) }
        }
    }

    /// The payloads of what the caller was sent.
    var payloads: [JSONValue] {
        out.split(separator: "\n").compactMap { line in
            line.hasPrefix("data: ") ? try? JSONValue(parsing: line.dropFirst(6).utf8) : nil
        }
    }
}
