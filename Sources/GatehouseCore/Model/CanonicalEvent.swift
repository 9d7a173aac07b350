/// One thing that happened while a model or an agent answered.
///
/// An answer is a row of parts. Deltas of one kind that follow each other belong to one part; a delta of another kind,
/// `partEnded` or `finished` ends it. Function calls are told apart by their index, not by order: pieces of several may
/// come interleaved.
package enum CanonicalEvent: Sendable, Equatable {
    case started(AnswerStart)
    case textDelta(String)
    case reasoningDelta(String)
    case refusalDelta(String)
    /// The seal on the part that is open (text or thinking), and the end of it. Without an open part it seals an empty text:
    /// some vendors do.
    case signature(Signature)
    /// A piece of what the open text quotes.
    case citation(Citation)
    /// A piece of a function call that the caller must carry out. `index` numbers the calls of one answer from 0. `id` and
    /// `name` come once, with the first piece; a call whose arguments never come has `{}`.
    case toolCallDelta(index: Int, id: String?, name: String?, arguments: String)
    /// The vendor's seal on a function call.
    case toolCallSignature(index: Int, Signature)
    /// The call takes free text, not JSON. Comes right behind its first piece.
    case toolCallIsCustom(index: Int)
    /// The open part is whole; what follows of the same kind is another one.
    case partEnded
    /// A part that came whole: redacted thinking, an image, what only the dialect itself can say.
    case part(Part)
    /// An agent began to use one of its own tools. `input` is JSON text.
    case toolStarted(id: String, name: String, input: String?)
    case toolFinished(id: String, succeeded: Bool, denied: Bool)
    /// An agent made a file, which is kept for the caller with this session.
    case file(Artifact, session: String)
    case notice(Notice)
    case limit(UsageLimit)
    /// What is known of the usage so far; each replaces the one before.
    case usage(Usage)
    /// The last event of a whole answer.
    case finished(Finish)
}

/// What is known when an answer begins.
package struct AnswerStart: Sendable, Equatable {
    /// The vendor's id of the answer.
    package var id: String?
    /// The model that answers, as the vendor calls it.
    package var model: String?
    /// Seconds since 1970.
    package var created: Int?
    /// An agent's own id of this conversation.
    package var session: String?
    /// What is known of the usage already (Anthropic tells the input first).
    package var usage: Usage?

    package init(
        id: String? = nil, model: String? = nil, created: Int? = nil, session: String? = nil, usage: Usage? = nil
    ) {
        self.id = id
        self.model = model
        self.created = created
        self.session = session
        self.usage = usage
    }
}

/// Something an agent wanted a person to know.
package struct Notice: Sendable, Equatable {
    package enum Severity: String, Sendable { case info, warning, error }
    package var severity: Severity
    package var text: String

    package init(_ severity: Severity, _ text: String) {
        self.severity = severity
        self.text = text
    }
}

/// A window of an account that is being used up.
package struct UsageLimit: Sendable, Equatable {
    package var kind: String
    /// Fraction used, 0...1, where told.
    package var used: Double?
    /// Seconds since 1970, where told.
    package var resetsAt: Int?

    package init(kind: String, used: Double? = nil, resetsAt: Int? = nil) {
        self.kind = kind
        self.used = used
        self.resetsAt = resetsAt
    }
}

/// How an answer ended, well.
package struct Finish: Sendable, Equatable {
    package var reason: FinishReason
    /// The stop sequence that was met, where told.
    package var stopSequence: String?
    package var usage: Usage?
    package var cost: Cost?
    /// The agent's own id of this conversation.
    package var session: String?
    /// Members of the answer's end that only its dialect knows; `$reason` holds the vendor's own word.
    package var extensions = Extensions()

    package init(
        _ reason: FinishReason, usage: Usage? = nil, cost: Cost? = nil, session: String? = nil,
        stopSequence: String? = nil
    ) {
        self.reason = reason
        self.usage = usage
        self.cost = cost
        self.session = session
        self.stopSequence = stopSequence
    }
}

/// Why an answer ended.
package enum FinishReason: String, Sendable, CaseIterable {
    case stop
    /// One of the caller's stop sequences was met.
    case stopSequence = "stop_sequence"
    /// The limit on new tokens was reached.
    case length
    /// The model's context is full.
    case contextLength = "context_length"
    /// Functions are to be called.
    case toolCalls = "tool_calls"
    /// The vendor's filter stopped it.
    case contentFilter = "content_filter"
    /// The model declined.
    case refusal
    /// A vendor's tool needs another turn: send the answer back to go on.
    case pause
    /// The model wrote a call that cannot be read.
    case malformedCall = "malformed_call"
}
