package import GatehouseCore

/// Speaks with an agent that takes messages as lines of JSON on its stdin, one after the other, all of one conversation,
/// and answers each with the records that it prints in any case.
package struct StdinStreamMachine: DriverMachine {
    /// What differs between agents.
    package struct Manner: Sendable {
        /// Whether it knows control requests (`initialize`, `interrupt`, `can_use_tool`); one that does not is ready from
        /// the start, and a turn of it cannot be cancelled.
        package var hasControl: Bool
        package var message: @Sendable (String) -> JSONValue
        package var makeParser: @Sendable () -> any AgentParser

        package init(
            hasControl: Bool, message: @escaping @Sendable (String) -> JSONValue,
            makeParser: @escaping @Sendable () -> any AgentParser
        ) {
            self.hasControl = hasControl
            self.message = message
            self.makeParser = makeParser
        }
    }

    private enum Phase: Sendable { case new, handshake, idle, working, over }

    package var clock = WallClock()
    private let setup: DriverSetup
    private let manner: Manner
    private var phase = Phase.new
    private var parser: any AgentParser
    private var lastRequest = 0
    private var turn = 0
    private var isCancelled = false

    package init(_ setup: DriverSetup, _ manner: Manner) {
        self.setup = setup
        self.manner = manner
        parser = manner.makeParser()
    }

    package mutating func handle(_ input: DriverInput) -> [DriverAction] {
        guard phase != .over else { return [] }
        switch input {
        case .started: return begin()
        case .line(let line):
            guard let record = JSONValue(agentLine: line) else { return [] }
            return received(record)
        case .prompt(let prompt): return ask(prompt)
        case .cancel: return cancel()
        case .timer(let timer): return expired(timer)
        case .ended(let exit): return ended(exit)
        }
    }

    private mutating func discard(_ failure: Failure) -> [DriverAction] {
        phase = .over
        return [.discard(failure)]
    }

    private mutating func begin() -> [DriverAction] {
        guard manner.hasControl else {
            phase = .idle
            return [.ready]
        }
        phase = .handshake
        return [control("initialize", [.init("hooks", .null)]), .timer(.handshake, setup.handshake)]
    }

    private mutating func control(_ subtype: String, _ members: [JSONValue.Member] = []) -> DriverAction {
        lastRequest += 1
        return .write(
            .object([
                .init("type", .string("control_request")), .init("request_id", .string("gatehouse-\(lastRequest)")),
                .init("request", .object([.init("subtype", .string(subtype))] + members)),
            ]))
    }

    // MARK: A turn

    private mutating func ask(_ prompt: DriverPrompt) -> [DriverAction] {
        guard phase == .idle else { return [] }
        // Whoever begins a conversation says all of it; a process that has begun one goes on with that and no other.
        guard turn == 0 || prompt.session != nil else { return discard(Self.otherConversation) }
        let text = turn == 0 ? prompt.whole : prompt.latest
        turn += 1
        isCancelled = false
        parser = manner.makeParser()
        phase = .working
        return [.write(manner.message(text))]
    }

    private static let otherConversation: Failure = {
        var failure = Failure(.protocol, detail: "its process holds another conversation")
        failure.isUnsent = true
        return failure
    }()

    private mutating func cancel() -> [DriverAction] {
        guard phase == .working, !isCancelled else { return [] }
        isCancelled = true
        guard manner.hasControl else {
            return discard(Failure(.cancelled, detail: "its turns cannot be cancelled"))
        }
        return [control("interrupt"), .timer(.cancel(turn), setup.cancelWait)]
    }

    private mutating func expired(_ timer: DriverTimer) -> [DriverAction] {
        switch (timer, phase) {
        case (.handshake, .handshake):
            return discard(Failure(.timeout(.connect), detail: "no answer to initialize in time"))
        case (.cancel(turn), .working):
            return discard(Failure(.cancelled, detail: "it went on after it was interrupted"))
        default: return []
        }
    }

    private mutating func received(_ record: JSONValue) -> [DriverAction] {
        switch record.text("type") {
        case "control_response": return answered(record["response"] ?? .null)
        case "control_request": return requested(record)
        default: break
        }
        guard phase == .working else { return [] }
        let events = parser.record(record)
        guard parser.isComplete else { return isCancelled ? [] : events.map { .event($0) } }
        phase = .idle
        if isCancelled { return [.cancelled] }
        switch parser.end(AgentExit(.exited(0), clock: clock)) {
        case .success(let finish): return events.map { .event($0) } + [.finished(finish)]
        case .failure(let failure): return events.map { .event($0) } + [.failed(failure)]
        }
    }

    private mutating func answered(_ response: JSONValue) -> [DriverAction] {
        guard phase == .handshake, response.text("request_id") == "gatehouse-1" else { return [] }
        guard response.text("subtype") == "success" else {
            let message = response.text("error") ?? "initialize was refused"
            return discard(FailureText.classify(message, clock: clock, fallback: .protocol))
        }
        phase = .idle
        return [.ready]
    }

    // MARK: What it asks

    private func requested(_ record: JSONValue) -> [DriverAction] {
        guard let id = record.text("request_id") else { return [] }
        let request = record["request"] ?? .null
        var response: [JSONValue.Member] = [.init("subtype", .string("success")), .init("request_id", .string(id))]
        if request.text("subtype") == "can_use_tool" {
            response.append(.init("response", decide(request)))
        } else {
            response[0].value = .string("error")
            response.append(.init("error", .string("not offered")))
        }
        return [
            .write(
                .object([.init("type", .string("control_response")), .init("response", .object(response))]))
        ]
    }

    private func decide(_ request: JSONValue) -> JSONValue {
        guard setup.permissions == .allowOnce, !isCancelled else {
            return .object([
                .init("behavior", .string("deny")), .init("message", .string("The policy of this gateway denies it.")),
            ])
        }
        return .object([
            .init("behavior", .string("allow")), .init("updatedInput", request["input"] ?? .object([])),
        ])
    }

    // MARK: The end

    private mutating func ended(_ exit: AgentExit) -> [DriverAction] {
        guard phase == .working, !isCancelled, case .failure(let failure) = parser.end(exit) else {
            return discard(DriverExit.failure(exit))
        }
        return discard(failure)
    }
}
