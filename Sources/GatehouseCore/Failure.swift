/// What went wrong with one attempt at an upstream, classified once, where it was seen.
///
/// Policies (retry, fallback, breaker) look at the class only; a caller sees the `GatehouseError` made from it. The
/// classes are those of every provider and every agent alike.
package struct Failure: Error, Sendable, Equatable {
    package var kind: Kind
    /// For the log of this gateway, never for a caller. Bounded by whoever makes it.
    package var detail: String
    /// Seconds until the upstream said it can be tried again.
    package var retryAfter: Int?
    /// The upstream did not get the request: it cannot have been carried out.
    package var isUnsent = false
    /// Somebody between here and the upstream lost the answer: the upstream may have made it, and charge for it.
    package var lostAnswer = false
    /// What the caller may be told besides the class: a field or a word of a closed vocabulary, never free text.
    package var hint: String?

    package init(_ kind: Kind, detail: String = "", retryAfter: Int? = nil, hint: String? = nil) {
        self.kind = kind
        self.detail = detail
        self.retryAfter = retryAfter
        self.hint = hint
    }
}

extension Failure {
    /// Which timer ran out.
    package enum Phase: String, Sendable, CaseIterable {
        case connect, firstByte = "first_byte", idle, total
        /// The upstream gave up on itself and said so.
        case own = "self"
    }

    /// The closed list of failure classes.
    package enum Kind: Sendable, Hashable {
        /// No connection could be made, or it was refused.
        case unreachable
        /// The peer's certificate or the handshake was not acceptable.
        case tls
        case timeout(Phase)
        /// The credential of the provider or the login of the agent is missing, wrong or expired.
        case auth
        /// A window or a purse is used up; long waits.
        case quota
        /// Too fast; short waits.
        case rate
        /// The upstream is overloaded or has no capacity for the model.
        case capacity
        case modelUnknown
        /// The prompt is longer than the model's context.
        case contextLength
        /// The upstream refused the request as wrong.
        case input
        /// The upstream's own fault (5xx, or an error inside a 200).
        case upstream
        /// The answer is not what the protocol says.
        case `protocol`
        /// The answer stopped before its own terminator.
        case truncated
        /// An action that the agent needed was denied by policy.
        case denied
        /// It ended well and said nothing.
        case empty
        case cancelled
        /// The agent ended by a signal.
        case crashed
        /// The agent ended with a failure that fits no other class.
        case failed
        /// More output than this gateway takes.
        case outputTooLarge
        /// The agent could not be started.
        case spawn
        /// The agent needs a sandbox that cannot be put up here.
        case sandbox
        /// All slots are taken.
        case busy
    }
}

extension Failure.Kind {
    /// A short stable word for logs and metric labels.
    package var label: String {
        switch self {
        case .unreachable: "unreachable"
        case .tls: "tls"
        case .timeout(let phase): "timeout_" + phase.rawValue
        case .auth: "auth"
        case .quota: "quota"
        case .rate: "rate"
        case .capacity: "capacity"
        case .modelUnknown: "model_unknown"
        case .contextLength: "context_length"
        case .input: "input"
        case .upstream: "upstream"
        case .protocol: "protocol"
        case .truncated: "truncated"
        case .denied: "denied"
        case .empty: "empty"
        case .cancelled: "cancelled"
        case .crashed: "crashed"
        case .failed: "failed"
        case .outputTooLarge: "output_too_large"
        case .spawn: "spawn"
        case .sandbox: "sandbox"
        case .busy: "busy"
        }
    }
}
