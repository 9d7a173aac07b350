package import GatehouseCore
package import NIOCore

/// An AI command-line agent as an upstream: one supervised process per attempt, run by an `AgentRunner`.
package final class AgentUpstream: Upstream {
    package let settings: AgentSettings
    package let sandbox: String?
    package let keepsArtifacts: Bool
    private let runner: AgentRunner
    private let slots: AgentSlots

    package init(settings: AgentSettings, runner: AgentRunner) {
        self.settings = settings
        self.sandbox = settings.policy
        self.keepsArtifacts = settings.makesArtifacts && runner.keepsArtifacts
        self.runner = runner
        self.slots = AgentSlots(limit: max(1, settings.concurrency))
    }

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
        if let problem = AgentPrompt.problem(request) { throw problem }
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
        switch prepare(request) {
        case .failure(let failure):
            request.account?.end()
            return FailedAttempt(failure, on: eventLoop, reply: reply)
        case .success(let (model, prompt)):
            guard slots.take() else {
                request.account?.end()
                return FailedAttempt(
                    Failure(.busy, detail: "all slots of \(settings.name) are taken", retryAfter: 1), on: eventLoop,
                    reply: reply)
            }
            let run = AgentRun(
                id: Self.randomID(), settings: settings.using(request.account), model: model, prompt: prompt,
                eventLoop: eventLoop, reply: reply, slots: slots, place: keepsArtifacts ? request.place : nil,
                account: request.account)
            guard runner.submit(run) else {
                run.release()
                return FailedAttempt(
                    Failure(.busy, detail: "no more runs are taken", retryAfter: 1), on: eventLoop, reply: reply)
            }
            return run
        }
    }

    private func prepare(_ request: UpstreamRequest) -> Result<(model: String, prompt: String), Failure> {
        guard case .canonical(var canonical) = request.payload else {
            return .failure(Failure(.input, detail: "agents take canonical requests"))
        }
        canonical.model = request.model
        do throws(GatehouseError) {
            try validate(canonical)
        } catch {
            return .failure(Failure(.input, detail: error.message))
        }
        var generator = SystemRandomNumberGenerator()
        let cli = settings.cli
        let prompt = AgentPrompt.render(canonical, readsCommands: cli.readsCommands, using: &generator)
        return .success((canonical.model.isEmpty ? settings.model : canonical.model, prompt))
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

    private static func randomID() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in String(UInt64.random(in: 0 ... .max, using: &generator), radix: 16) }.joined()
    }
}
