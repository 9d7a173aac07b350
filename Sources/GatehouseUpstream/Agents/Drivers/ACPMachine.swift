import GatehouseCore

/// The client's side of the Agent Client Protocol, version 1: one process, one session per conversation, one turn at a
/// time.
///
/// An agent says things when nobody asked (banners, lists of commands, the history of a session that is loaded): only what
/// belongs to the session of the turn and comes after its prompt is an answer.
package struct ACPMachine: DriverMachine {
    private enum Phase: Sendable {
        case new
        case handshake(id: Int)
        case idle
        /// A session is being made, or loaded.
        case opening(id: Int, session: String?)
        case choosing(id: Int, session: String, text: String)
        case prompting(id: Int, session: String)
        case over
    }

    package var clock = WallClock()
    private let setup: DriverSetup
    private var rpc = RPCWriter()
    private var phase = Phase.new
    private var canLoad = false
    /// Sessions that this process knows.
    private var sessions: Set<String> = []
    private var prompt: DriverPrompt?
    private var turn = 0
    private var isCancelled = false
    private var answer = ACPAnswer(isContinued: false)

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
        case .ended(let exit): return ended(exit)
        }
    }

    private mutating func discard(_ failure: Failure) -> [DriverAction] {
        phase = .over
        return [.discard(failure)]
    }

    // MARK: Handshake

    private mutating func begin() -> [DriverAction] {
        let none = JSONValue.bool(false)
        let files = JSONValue.object([.init("readTextFile", none), .init("writeTextFile", none)])
        let (id, request) = rpc.request(
            "initialize",
            .object([
                .init("protocolVersion", .number("1")),
                .init("clientCapabilities", .object([.init("fs", files), .init("terminal", none)])),
                .init("clientInfo", .object([.init("name", .string("gatehouse")), .init("version", .string("1"))])),
            ]))
        phase = .handshake(id: id)
        return [request, .timer(.handshake, setup.handshake)]
    }

    private mutating func greeted(_ result: JSONValue) -> [DriverAction] {
        guard result["protocolVersion"]?.int == 1 else {
            let version = result["protocolVersion"]?.text ?? "none"
            return discard(Failure(.protocol, detail: "speaks version \(version.bounded) of the protocol, not 1"))
        }
        canLoad = result["agentCapabilities"]?["loadSession"]?.bool ?? false
        phase = .idle
        return [.ready]
    }

    // MARK: A turn

    private mutating func open(_ prompt: DriverPrompt) -> [DriverAction] {
        guard case .idle = phase else { return [] }
        turn += 1
        isCancelled = false
        self.prompt = prompt
        guard let session = prompt.session else { return openNew() }
        if sessions.contains(session) { return ask(prompt.latest, in: session, isContinued: true) }
        guard canLoad else { return openNew() }
        let (id, request) = rpc.request("session/load", place(.init("sessionId", .string(session))))
        phase = .opening(id: id, session: session)
        return [request]
    }

    private mutating func openNew() -> [DriverAction] {
        let (id, request) = rpc.request("session/new", place())
        phase = .opening(id: id, session: nil)
        return [request]
    }

    private func place(_ members: JSONValue.Member...) -> JSONValue {
        .object(
            members + [
                .init("cwd", .string(setup.sessionDirectory ?? setup.directory)), .init("mcpServers", .array([])),
            ])
    }

    private mutating func opened(_ result: JSONValue, loaded: String?) -> [DriverAction] {
        if isCancelled { return rest(.cancelled) }
        guard let session = loaded ?? result.text("sessionId"), session.utf8.count <= 1024 else {
            return discard(Failure(.protocol, detail: "a new session has no id"))
        }
        guard sessions.insert(session).inserted || loaded != nil else { return discard(Self.oldSession) }
        let text = (loaded == nil ? prompt?.whole : prompt?.latest) ?? ""
        guard let model = prompt?.model, let isOffered = Self.offers(model, in: result) else {
            return ask(text, in: session, isContinued: loaded != nil)
        }
        guard isOffered else {
            return rest(.failed(Failure(.modelUnknown, detail: "the agent does not offer \(model)")))
        }
        let (id, request) = rpc.request(
            "session/set_model",
            .object([.init("sessionId", .string(session)), .init("modelId", .string(model))]))
        phase = .choosing(id: id, session: session, text: text)
        return [request]
    }

    /// What was said in it before is none of this conversation's business.
    private static let oldSession: Failure = {
        var failure = Failure(.protocol, detail: "a new session is one that was there already")
        failure.isUnsent = true
        return failure
    }()

    /// Whether a model that has to be chosen can be; `nil` where the agent has no such choice, or has made it.
    private static func offers(_ model: String, in result: JSONValue) -> Bool? {
        guard !model.isEmpty, let offered = result["models"]?["availableModels"]?.array,
            result["models"]?.text("currentModelId") != model
        else { return nil }
        return offered.contains { $0.text("modelId") == model }
    }

    private mutating func ask(_ text: String, in session: String, isContinued: Bool) -> [DriverAction] {
        if isCancelled { return rest(.cancelled) }
        answer = ACPAnswer(isContinued: isContinued)
        let block = JSONValue.object([.init("type", .string("text")), .init("text", .string(text))])
        let (id, request) = rpc.request(
            "session/prompt",
            .object([.init("sessionId", .string(session)), .init("prompt", .array([block]))]))
        phase = .prompting(id: id, session: session)
        let start = AnswerStart(model: prompt?.model.isEmpty == false ? prompt?.model : nil, session: session)
        return [request, .event(.started(start))]
    }

    /// The turn is over and the process can take another.
    private mutating func rest(_ action: DriverAction) -> [DriverAction] {
        phase = .idle
        prompt = nil
        return [isCancelled ? .cancelled : action]
    }

    private mutating func cancel() -> [DriverAction] {
        guard !isCancelled else { return [] }
        let timer = DriverAction.timer(.cancel(turn), setup.cancelWait)
        switch phase {
        case .opening, .choosing:
            isCancelled = true
            return [timer]
        case .prompting(_, let session):
            isCancelled = true
            return [rpc.notification("session/cancel", .object([.init("sessionId", .string(session))])), timer]
        case .new, .handshake, .idle, .over: return []
        }
    }

    private mutating func expired(_ timer: DriverTimer) -> [DriverAction] {
        switch (timer, phase) {
        case (.handshake, .handshake):
            return discard(Failure(.timeout(.connect), detail: "no answer to initialize in time"))
        case (.cancel(turn), .opening), (.cancel(turn), .choosing), (.cancel(turn), .prompting):
            return discard(Failure(.cancelled, detail: "it went on after it was told to cancel"))
        default: return []
        }
    }

    // MARK: What comes

    private mutating func received(_ message: RPCMessage) -> [DriverAction] {
        switch message {
        case .result(let id, let result): return received(result, id: id)
        case .error(let id, let error): return failed(error, id: id)
        case .request(let id, let method, let params):
            guard method == "session/request_permission" else { return [rpc.methodNotFound(id, method)] }
            return [rpc.result(id, decide(params))]
        case .notification(let method, let params):
            guard method == "session/update", case .prompting(_, let session) = phase,
                params["sessionId"]?.string == session, !isCancelled, let update = params["update"]
            else { return [] }
            if isNotice(params) {
                answer.note(update)
                return []
            }
            return answer.update(update).map { .event($0) }
        }
    }

    private mutating func received(_ result: JSONValue, id: Int) -> [DriverAction] {
        switch phase {
        case .handshake(id): return greeted(result)
        case .opening(id, let session): return opened(result, loaded: session)
        case .choosing(id, let session, let text): return ask(text, in: session, isContinued: false)
        case .prompting(id, let session):
            switch answer.end(result, session: session, clock) {
            case .success(let finish): return rest(.finished(finish))
            case .failure(let failure): return rest(.failed(failure))
            }
        default: return []
        }
    }

    private func isNotice(_ params: JSONValue) -> Bool {
        guard params["update"]?.text("sessionUpdate") == "agent_message_chunk" else { return false }
        return params["_meta"]?.text("source").map(setup.noticeSources.contains) ?? false
    }

    private static let codes: [Int: Failure.Kind] = [-32000: .auth]

    private mutating func failed(_ error: RPCError, id: Int) -> [DriverAction] {
        let failure = error.failure(clock, codes: Self.codes)
        switch phase {
        case .handshake(id): return discard(failure)
        // Who has to log in does so elsewhere; this process may never see it.
        case .opening(id, _) where failure.kind == .auth, .prompting(id, _) where failure.kind == .auth:
            return discard(failure)
        case .opening(id, .some):
            return isCancelled ? rest(.cancelled) : openNew()
        case .opening(id, nil), .choosing(id, _, _), .prompting(id, _): return rest(.failed(failure))
        default: return []
        }
    }

    /// The answer to a request for permission. What is allowed is allowed once.
    private mutating func decide(_ params: JSONValue) -> JSONValue {
        guard case .prompting(_, let session) = phase, params["sessionId"]?.string == session, !isCancelled else {
            return Self.outcome(nil)
        }
        let options = params["options"]?.array ?? []
        let kinds =
            setup.permissions == .allowOnce ? ["allow_once"] : ["reject_once", "reject_always"]
        let option = kinds.lazy.compactMap { kind in options.first { $0.text("kind") == kind } }.first
        if setup.permissions == .reject || option == nil { answer.deny(params["toolCall"] ?? .null) }
        return Self.outcome(option?.text("optionId"))
    }

    private static func outcome(_ option: String?) -> JSONValue {
        let members: [JSONValue.Member] =
            option.map { [.init("outcome", .string("selected")), .init("optionId", .string($0))] }
            ?? [.init("outcome", .string("cancelled"))]
        return .object([.init("outcome", .object(members))])
    }

    // MARK: The end

    private mutating func ended(_ exit: AgentExit) -> [DriverAction] {
        discard(DriverExit.failure(exit))
    }
}
