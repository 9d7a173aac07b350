import GatehouseCore

/// What a parser has learned of a run, and the rules for its end that hold for every agent.
struct AgentVerdict: Sendable {
    /// Whether any text of an answer was given out.
    private(set) var hasText = false
    private var isBroken = false
    /// Whether any record was understood at all.
    var hasRecords = false
    /// Names of tools that were needed and denied.
    var denials: [String] = []
    /// A failure the agent told in a record.
    var failure: Failure?
    /// The end the agent told in its terminal record.
    var finish: Finish?

    /// The next text belongs to another message: it begins a new paragraph.
    mutating func breakText() {
        isBroken = hasText
    }

    /// The event of a piece of the answer.
    mutating func give(_ text: String) -> CanonicalEvent {
        defer { (hasText, isBroken) = (true, false) }
        return .textDelta(isBroken ? "\n\n" + text : text)
    }

    /// Judges the run. What the agent told itself counts first, then how its process ended, then what is missing.
    /// `exitCodes` says what this agent's own exit codes mean.
    func settle(_ exit: AgentExit, exitCodes: (Int32) -> Failure.Kind? = { _ in nil }) -> Result<Finish, Failure> {
        if let failure { return .failure(failure) }
        switch exit.status {
        case .signaled(let number):
            return .failure(Failure(.crashed, detail: "ended by signal \(number)"))
        case .exited(0):
            return completed()
        case .exited(let code):
            return .failure(Self.failure(code: code, exit: exit, exitCodes: exitCodes))
        }
    }

    private func completed() -> Result<Finish, Failure> {
        guard let finish else {
            guard hasRecords || hasText else {
                return .failure(Failure(.empty, detail: "ended well without a word"))
            }
            return .failure(Failure(.truncated, detail: "ended well without its terminal record"))
        }
        guard hasText else {
            guard denials.isEmpty else {
                return .failure(
                    Failure(.denied, detail: "no answer; denied: " + denials.joined(separator: ", ").bounded))
            }
            return .failure(Failure(.empty, detail: "no text in the answer"))
        }
        return .success(finish)
    }

    private static func failure(code: Int32, exit: AgentExit, exitCodes: (Int32) -> Failure.Kind?) -> Failure {
        let lines = FailureText.errorLines(exit.stderr)
        if code == 126 || code == 127 { return Failure(.spawn, detail: "exit \(code)") }
        let detail = "exit \(code): " + (lines.last ?? "nothing on standard error")
        if let kind = exitCodes(code) {
            let retryAfter = ResetTime.seconds(in: lines.joined(separator: "\n"), clock: exit.clock)
            return Failure(kind, detail: detail.bounded, retryAfter: retryAfter)
        }
        for line in lines.reversed() {
            if var failure = FailureText.classify(line, clock: exit.clock) {
                failure.detail = detail.bounded
                return failure
            }
        }
        return Failure(.failed, detail: detail.bounded)
    }
}

extension String {
    /// Short enough for a log field.
    var bounded: String {
        utf8.count <= 500 ? self : String(prefix(500)) + "…"
    }
}
