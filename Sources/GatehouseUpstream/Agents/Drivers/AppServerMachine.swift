import GatehouseCore

/// The client's side of `codex app-server`: threads are its sessions, and it has a request of its own to begin a turn that
/// is answered long before the turn ends.
package struct AppServerMachine: DriverMachine {
    private enum Phase: Sendable {
        case new
        case handshake(id: Int)
        case idle
        case opening(id: Int, thread: String?)
        /// The turn's own id is known when its request has been answered.
        case working(id: Int, thread: String, turn: String?)
        case over
    }

    package var clock = WallClock()
    private let setup: DriverSetup
    private var rpc = RPCWriter(hasVersion: false)
    private var phase = Phase.new
    /// Threads that this process has loaded.
    private var threads: Set<String> = []
    private var prompt: DriverPrompt?
    private var turn = 0
    private var isCancelled = false
    private var answer = AppServerAnswer()

    package init(_ setup: DriverSetup) {
        self.setup = setup
    }

    package mutating func handle(_ input: DriverInput) -> [DriverAction] {
        if case .over = phase { return [] }
        switch input {
        case .started: return begin()
        case .line(let line):
            guard let message = RPCMessage(line) else { return [] }
            return received(message)
        case .prompt(let prompt): return open(prompt)
        case .cancel: return cancel()
        case .timer(let timer): return expired(timer)
        case .ended(let exit): return discard(DriverExit.failure(exit))
        }
    }

    private mutating func discard(_ failure: Failure) -> [DriverAction] {
        phase = .over
        return [.discard(failure)]
    }

    // MARK: Handshake

    private mutating func begin() -> [DriverAction] {
        let client = JSONValue.object([
            .init("name", .string("gatehouse")), .init("title", .string("Gatehouse")), .init("version", .string("1")),
        ])
        let (id, request) = rpc.request("initialize", .object([.init("clientInfo", client)]))
        phase = .handshake(id: id)
        return [request, .timer(.handshake, setup.handshake)]
    }

    // MARK: A turn

    private mutating func open(_ prompt: DriverPrompt) -> [DriverAction] {
        guard case .idle = phase else { return [] }
        turn += 1
        isCancelled = false
        self.prompt = prompt
        guard let thread = prompt.session else { return openNew() }
        if threads.contains(thread) { return ask(prompt.latest, in: thread) }
        let (id, request) = rpc.request("thread/resume", place([.init("threadId", .string(thread))]))
        phase = .opening(id: id, thread: thread)
        return [request]
    }

    private mutating func openNew() -> [DriverAction] {
        let (id, request) = rpc.request("thread/start", place([]))
        phase = .opening(id: id, thread: nil)
        return [request]
    }

    private func place(_ members: [JSONValue.Member]) -> JSONValue {
        let model = prompt?.model ?? ""
        return .object(
            members + (model.isEmpty ? [] : [.init("model", .string(model))])
                + [.init("cwd", .string(setup.directory))])
    }

    private mutating func opened(_ result: JSONValue, resumed: String?) -> [DriverAction] {
        if isCancelled { return rest(.cancelled) }
        guard let thread = resumed ?? result["thread"]?.text("id"), thread.utf8.count <= 1024 else {
            return discard(Failure(.protocol, detail: "a new thread has no id"))
        }
        threads.insert(thread)
        return ask((resumed == nil ? prompt?.whole : prompt?.latest) ?? "", in: thread)
    }

    private mutating func ask(_ text: String, in thread: String) -> [DriverAction] {
        answer = AppServerAnswer()
        let input = JSONValue.object([.init("type", .string("text")), .init("text", .string(text))])
        let (id, request) = rpc.request(
            "turn/start",
            .object([.init("threadId", .string(thread)), .init("input", .array([input]))]))
        phase = .working(id: id, thread: thread, turn: nil)
        let model = prompt?.model ?? ""
        return [request, .event(.started(AnswerStart(model: model.isEmpty ? nil : model, session: thread)))]
    }

    private mutating func rest(_ action: DriverAction) -> [DriverAction] {
        phase = .idle
        prompt = nil
        return [isCancelled ? .cancelled : action]
    }

    private mutating func cancel() -> [DriverAction] {
        guard !isCancelled else { return [] }
        let timer = DriverAction.timer(.cancel(turn), setup.cancelWait)
        switch phase {
        case .opening:
            isCancelled = true
            return [timer]
        case .working(_, let thread, let turn):
            isCancelled = true
            return [timer] + (turn.map { interrupt(thread, $0) } ?? [])
        case .new, .handshake, .idle, .over: return []
        }
    }

    private mutating func interrupt(_ thread: String, _ turn: String) -> [DriverAction] {
        let (_, request) = rpc.request(
            "turn/interrupt",
            .object([.init("threadId", .string(thread)), .init("turnId", .string(turn))]))
        return [request]
    }

    private mutating func expired(_ timer: DriverTimer) -> [DriverAction] {
        switch (timer, phase) {
        case (.handshake, .handshake):
            return discard(Failure(.timeout(.connect), detail: "no answer to initialize in time"))
        case (.cancel(turn), .opening), (.cancel(turn), .working):
            return discard(Failure(.cancelled, detail: "it went on after it was told to interrupt"))
        default: return []
        }
    }

    // MARK: What comes

    private mutating func received(_ message: RPCMessage) -> [DriverAction] {
        switch message {
        case .result(let id, let result): return received(result, id: id)
        case .error(let id, let error): return failed(error, id: id)
        case .request(let id, let method, _):
            let approvals = ["item/commandExecution/requestApproval", "item/fileChange/requestApproval"]
            guard approvals.contains(method) else { return [rpc.methodNotFound(id, method)] }
            let isAllowed = setup.permissions == .allowOnce && !isCancelled
            return [rpc.result(id, .object([.init("decision", .string(isAllowed ? "accept" : "decline"))]))]
        case .notification(let method, let params):
            guard case .working(_, let thread, _) = phase, params.text("threadId") ?? thread == thread else {
                return []
            }
            if method == "turn/completed" { return completed(params, thread) }
            return isCancelled ? [] : answer.notified(method, params).map { .event($0) }
        }
    }

    private mutating func received(_ result: JSONValue, id: Int) -> [DriverAction] {
        switch phase {
        case .handshake(id):
            phase = .idle
            return [rpc.notification("initialized"), .ready]
        case .opening(id, let thread): return opened(result, resumed: thread)
        case .working(id, let thread, _):
            guard let turn = result["turn"]?.text("id") else {
                return discard(Failure(.protocol, detail: "a turn has no id"))
            }
            phase = .working(id: id, thread: thread, turn: turn)
            return isCancelled ? interrupt(thread, turn) : []
        default: return []
        }
    }

    private static let codes: [Int: Failure.Kind] = [-32001: .capacity]

    private mutating func failed(_ error: RPCError, id: Int) -> [DriverAction] {
        let failure = error.failure(clock, codes: Self.codes)
        switch phase {
        case .handshake(id): return discard(failure)
        case .opening(id, .some) where failure.kind != .capacity: return isCancelled ? rest(.cancelled) : openNew()
        case .opening(id, _), .working(id, _, _): return rest(.failed(failure))
        default: return []
        }
    }

    private mutating func completed(_ params: JSONValue, _ thread: String) -> [DriverAction] {
        // One that was interrupted earlier may end late.
        if case .working(_, _, let turn?) = phase, let told = params["turn"]?.text("id"), told != turn { return [] }
        switch answer.end(params["turn"] ?? .null, thread: thread, clock) {
        case .success(let finish): return rest(.finished(finish))
        case .failure(let failure): return rest(.failed(failure))
        }
    }
}
