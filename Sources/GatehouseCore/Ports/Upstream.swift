package import NIOCore

/// Something that can answer a call: a provider over HTTP, an agent in a process, a built-in model.
package protocol Upstream: AnyObject, Sendable {
    /// How such a call is carried to it; `nil` when it does not do that kind of work.
    func lane(for operation: Operation) -> UpstreamLane?

    /// How what it starts on this host is confined, in a word for records; `nil` where it starts nothing.
    var sandbox: String? { get }

    /// Whether files that it makes on the way are kept for the caller.
    var keepsArtifacts: Bool { get }

    /// Whether it is given files as they are (`UpstreamRequest.files`), instead of what stands in them.
    var takesFiles: Bool { get }

    /// Starts one attempt. Called on `eventLoop`; every call of `reply` is made on that loop, none of them before this
    /// returns, and none after `receivedEnd`, `failed`, `finish()` or `cancel()`.
    func start(
        _ request: UpstreamRequest, on eventLoop: any EventLoop, reply: any UpstreamReply
    ) -> any UpstreamAttempt
}

extension Upstream {
    package var sandbox: String? { nil }
    package var keepsArtifacts: Bool { false }
    package var takesFiles: Bool { false }
}

/// What an upstream is spoken to in.
package enum UpstreamLane: Sendable, Equatable {
    /// A wire format: bytes go out and bytes come back.
    case wire(Dialect)
    /// Canonical requests in, canonical events out.
    case events
}

/// The request of one attempt.
package struct UpstreamRequest: Sendable {
    package enum Payload: Sendable {
        /// A body in the lane's wire format and what must change in it; whoever sends it makes the changes while copying.
        case bytes(ByteBuffer, JSONSplice)
        case canonical(CanonicalRequest)
    }

    /// The id of the call, for logs; it is not sent to providers.
    package var id: String
    package var surface: Surface
    package var lane: UpstreamLane
    /// The model's name as the target knows it; empty for the target's default.
    package var model: String
    package var stream: Bool
    package var payload: Payload
    /// Headers that belong to the body (`anthropic-beta`).
    package var headers: [EncodedRequest.Header]
    /// Of the body, where it is not JSON.
    package var contentType: String?
    /// Which of the provider's keys goes out: its position in the configuration. Where there is no such key, the first.
    package var key = 0
    /// The caller showed that the request may be carried out twice (`Idempotency-Key`): a connection that turns out to be
    /// dead may then be replaced without a word.
    package var mayRepeat = false
    /// Where files belong that a target makes on the way.
    package var place: ArtifactPlace?
    /// The account that runs it, where the target has some. Whoever is given it ends it when nothing of the run is left.
    package var account: (any AccountLease)?
    /// Whose call it is: the name of the virtual key. What one owner leaves behind is never shown to another.
    package var tenant = ""
    /// The caller's session (`X-Session-ID`).
    package var session: String?
    /// Files of this gateway that the request names, by what it calls them: for upstreams that take files.
    package var files: [String: GivenFile] = [:]

    package init(
        id: String, surface: Surface = .generation, lane: UpstreamLane, model: String, stream: Bool, payload: Payload,
        headers: [EncodedRequest.Header] = []
    ) {
        self.id = id
        self.surface = surface
        self.lane = lane
        self.model = model
        self.stream = stream
        self.payload = payload
        self.headers = headers
    }
}

/// A place at one account of an agent. It may be used on any thread.
package protocol AccountLease: AnyObject, Sendable {
    /// As the configuration has it.
    var name: String { get }

    /// What the agent said of a window of the account.
    func note(_ limit: UsageLimit)

    /// Gives the place back. Ending it again does nothing.
    func end()

    /// The same of a run that failed: nobody is given a place at an account of which that is not known yet.
    func end(behind failure: Failure)
}

/// The listener of one attempt; confined to the attempt's event loop.
package protocol UpstreamReply: AnyObject {
    /// Byte lane only: the head of the final response. Comes once, first.
    func received(head: UpstreamHead)
    /// Byte lane only.
    func received(bytes: ByteBuffer)
    /// Event lane only.
    func received(event: CanonicalEvent)
    /// What was received since the last call came together: a good moment to flush.
    func receivedBatchEnd()
    /// The transport ended as its framing says it should. Whether the answer is whole is for the listener to decide.
    func receivedEnd()
    func failed(_ failure: Failure)
}

/// The head of a provider's response, reduced to what the engine may see.
package struct UpstreamHead: Sendable, Equatable {
    package var status: Int
    /// Lower-cased, without parameters; empty when absent.
    package var contentType: String
    /// As received, where it has parameters and is neither JSON nor a stream.
    package var fullType: String?
    /// Tokens of the input, where the head tells them (`x-amzn-bedrock-input-token-count`).
    package var inputTokens: Int?
    /// As received.
    package var retryAfter: String?
    /// As received, in milliseconds (`retry-after-ms`).
    package var retryAfterMilliseconds: String?
    /// The provider's own request id, for the log.
    package var requestID: String?

    package init(
        status: Int, contentType: String, retryAfter: String? = nil, retryAfterMilliseconds: String? = nil,
        requestID: String? = nil, fullType: String? = nil, inputTokens: Int? = nil
    ) {
        self.status = status
        self.contentType = contentType
        self.retryAfter = retryAfter
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.requestID = requestID
        self.fullType = fullType
        self.inputTokens = inputTokens
    }
}

/// The handle of one running attempt; confined to its event loop.
package protocol UpstreamAttempt: AnyObject {
    /// Ends the attempt at once and releases what it holds. Harmless when it has ended.
    func cancel()
    /// The listener has the whole answer: it is called no more. What the transport still has to say (a last empty chunk)
    /// may be awaited briefly so that the connection can serve again.
    func finish()
    /// Back-pressure: `false` stops reading from the upstream until `true`. Timers of silence rest meanwhile.
    func setReading(_ reading: Bool)
}
