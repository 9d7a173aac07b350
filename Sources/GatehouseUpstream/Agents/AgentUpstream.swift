package import GatehouseCore
package import NIOCore

/// An AI command-line agent as an upstream: one supervised process per attempt, or processes that are kept in a pool, as its
/// driver will have it; run by an `AgentRunner`.
package final class AgentUpstream: Upstream {
    package let settings: AgentSettings
    package let sandbox: String?
    package let keepsArtifacts: Bool
    private let runner: AgentRunner
    private let slots: AgentSlots
    /// `nil` when each attempt has a process of its own.
    private let pool: AgentPool?

    package init(settings: AgentSettings, runner: AgentRunner) {
        self.settings = settings
        self.pool = settings.effectiveDriver == .oneShot ? nil : runner.pool(for: settings)
        self.sandbox = settings.policy
        self.keepsArtifacts = settings.makesArtifacts && runner.keepsArtifacts
        self.runner = runner
        self.slots = AgentSlots(limit: max(1, settings.concurrency))
    }

    deinit { pool?.letGo() }

    package var takesFiles: Bool { settings.opensFiles ?? settings.cli.opensFiles }

    package func lane(for operation: GatehouseCore.Operation) -> UpstreamLane? {
        operation.surface == .generation ? .events : nil
    }

    /// Attempts that hold a slot now, until nothing of their processes is left.
    package var slotsInUse: Int { slots.inUse }

    /// Refuses, before anything is started, what this agent cannot take.
    ///
    /// - Throws: `GatehouseError` `.invalidArgument` for a model's name that is no plain word, `.agentInputRejected`
    ///   for parts that are no text, for callers' functions, and for a prompt that is too long.
    package func validate(_ request: CanonicalRequest) throws(GatehouseError) {
        guard Self.isModelName(request.model) || request.model.isEmpty else {
            throw GatehouseError(
                .invalidArgument,
                "A model's name is up to 128 letters, digits and . _ : / - and begins with a letter or digit.",
                param: "model")
        }
        if let problem = AgentPrompt.problem(request, takesFiles: takesFiles) { throw problem }
        let limit = settings.cli.promptLimit
        let size = request.messages.reduce(0) { sum, message in
            message.parts.reduce(sum) { sum, part in
                sum + (part.text?.utf8.count ?? 0)
            }
        }
        guard size <= limit else {
            throw GatehouseError(
                .agentInputRejected, "The messages hold \(size) bytes; this agent takes up to \(limit).",
                param: "messages")
        }
    }

    package func start(
        _ request: UpstreamRequest, on eventLoop: any EventLoop, reply: any UpstreamReply
    ) -> any UpstreamAttempt {
        let canonical: CanonicalRequest
        let files: [AgentFile]
        switch prepare(request) {
        case .failure(let failure):
            request.account?.end()
            return FailedAttempt(failure, on: eventLoop, reply: reply)
        case .success(let prepared): (canonical, files) = prepared
        }
        if let pool {
            var order = order(canonical, of: request)
            order.files = files
            let turn = AgentTurn(order, in: pool, on: eventLoop, reply: reply)
            pool.submit(turn)
            return turn
        }
        guard slots.take() else {
            request.account?.end()
            return FailedAttempt(
                Failure(.busy, detail: "all slots of \(settings.name) are taken", retryAfter: 1), on: eventLoop,
                reply: reply)
        }
        let run = AgentRun(
            id: Self.randomID(), settings: settings.using(request.account),
            .init(
                model: canonical.model, prompt: text(canonical.messages), place: keepsArtifacts ? request.place : nil,
                account: request.account, files: files),
            listener: AgentListener(reply, on: eventLoop), slots: slots)
        guard runner.submit(run) else {
            run.release()
            return FailedAttempt(
                Failure(.busy, detail: "no more runs are taken", retryAfter: 1), on: eventLoop, reply: reply)
        }
        return run
    }

    /// The request with the model that is meant, and the files that lie beside it.
    private func prepare(_ request: UpstreamRequest) -> Result<(CanonicalRequest, [AgentFile]), Failure> {
        guard case .canonical(var canonical) = request.payload else {
            return .failure(Failure(.input, detail: "agents take canonical requests"))
        }
        canonical.model = request.model
        var files = PlacedFiles(folder: settings.fileFolder)
        do throws(GatehouseError) {
            try validate(canonical)
            if takesFiles { canonical.messages = try files.place(in: canonical.messages, request.files) }
        } catch {
            return .failure(Failure(.input, detail: error.message))
        }
        if canonical.model.isEmpty { canonical.model = settings.model }
        return .success((canonical, files.files))
    }

    private func text(_ messages: [Message]) -> String {
        var generator = SystemRandomNumberGenerator()
        return AgentPrompt.render(messages, readsCommands: settings.cli.readsCommands, using: &generator)
    }

    private func order(_ canonical: CanonicalRequest, of request: UpstreamRequest) -> AgentTurnOrder {
        let session = request.session.map { session in
            let transcript = SessionTranscript(canonical.messages)
            let name = AgentSessionName(agent: settings.name, owner: request.tenant, session: session)
            let kept = pool?.sessions?.session(name).flatMap { transcript.continues($0) ? $0 : nil }
            return AgentTurnOrder.Session(
                name: name, transcript: transcript, latest: transcript.latest.isEmpty ? "" : text(transcript.latest),
                conversation: kept?.conversation ?? Self.randomID())
        }
        let owner = PoolMachine.Owner(
            tenant: request.tenant, account: request.account?.name ?? "", model: canonical.model,
            conversation: settings.conversation(session))
        return AgentTurnOrder(
            prompt: text(canonical.messages), model: canonical.model, owner: owner, session: session,
            place: keepsArtifacts ? request.place : nil, account: request.account)
    }

    /// Whether a name can stand in an argument list without meaning anything else:
    /// `^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$`.
    package static func isModelName(_ name: String) -> Bool {
        let bytes = name.utf8
        guard (1...128).contains(bytes.count), let first = bytes.first, isLetterOrDigit(first) else { return false }
        return bytes.allSatisfy { byte in
            isLetterOrDigit(byte) || [0x2E, 0x5F, 0x3A, 0x2F, 0x2D].contains(byte)
        }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }

    static func randomID() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in String(UInt64.random(in: 0 ... .max, using: &generator), radix: 16) }.joined()
    }
}
