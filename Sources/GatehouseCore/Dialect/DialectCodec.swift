package import NIOCore

/// Everything one wire format can do: read and write requests, answers, streams and errors. A namespace per dialect
/// conforms; `Dialect.codec` finds it.
///
/// Decoding then encoding in the same dialect gives the same JSON value.
package protocol DialectCodec {
    static var dialect: Dialect { get }

    /// Reads a caller's request.
    ///
    /// - Throws: `GatehouseError` with `missing_field` or `invalid_value`; its `param` names the field (`messages[2].role`).
    static func decodeRequest(_ body: JSONValue) throws(GatehouseError) -> CanonicalRequest

    /// Writes the body for a target.
    ///
    /// - Throws: `GatehouseError` with `unsupported_parameter` and the field as the canonical model calls it, when leaving
    ///   out what the target cannot express would change the meaning.
    static func encodeRequest(_ request: CanonicalRequest, for target: TargetTraits) throws(GatehouseError)
        -> EncodedRequest

    /// Reads a target's whole answer to a request with status 200.
    ///
    /// - Throws: `Failure` for an error inside it, an empty one, or one that is not what the protocol says.
    static func decodeResponse(_ body: JSONValue) throws(Failure) -> CanonicalResponse

    /// Writes a whole answer for a caller.
    static func encodeResponse(_ response: CanonicalResponse, as identity: AnswerIdentity) -> JSONValue

    /// Reads a target's stream.
    static func streamDecoder() -> any StreamDecoder

    /// Writes a stream for a caller.
    static func streamEncoder(as identity: AnswerIdentity, options: StreamOptions) -> any StreamEncoder

    /// The failure of a target's answer with an error status. `body` may be cut or not JSON at all.
    static func failure(_ head: UpstreamHead, body: ByteBuffer) -> Failure

    /// An error for a caller, as a whole body.
    static func render(_ error: GatehouseError, requestID: String) -> ByteBuffer

    /// The same where the dialect tells when it happened.
    ///
    /// - Parameter time: Seconds since 1970.
    static func render(_ error: GatehouseError, requestID: String, time: Int) -> ByteBuffer
}

extension DialectCodec {
    package static func render(_ error: GatehouseError, requestID: String, time: Int) -> ByteBuffer {
        render(error, requestID: requestID)
    }
}

/// Reads a stream of one dialect, whatever the sizes in which its bytes come.
package protocol StreamDecoder: Sendable {
    /// Takes bytes and appends what they say.
    ///
    /// - Throws: `Failure` for an error event, or for what is not the protocol; `events` holds what came before it.
    mutating func receive(_ bytes: ByteBuffer, into events: inout [CanonicalEvent]) throws(Failure)

    /// The transport ended as its framing says. Appends what was still owed.
    ///
    /// - Throws: `Failure(.truncated)` unless the dialect's own terminator came, `Failure(.empty)` when nothing did.
    mutating func end(into events: inout [CanonicalEvent]) throws(Failure)

    /// The terminator came: `finished` was given and nothing more is wanted.
    var isDone: Bool { get }

    /// Writes the error that ends a stream whose events went on to a caller as they were read here; `nil` when the
    /// dialect's errors do not depend on what was before.
    func failureEncoder(as identity: AnswerIdentity) -> (any StreamEncoder)?
}

extension StreamDecoder {
    package func failureEncoder(as identity: AnswerIdentity) -> (any StreamEncoder)? { nil }
}

/// Writes a stream of one dialect.
package protocol StreamEncoder: Sendable {
    /// Appends what `event` looks like; some events look like nothing. `finished` writes the dialect's own terminator.
    mutating func encode(_ event: CanonicalEvent, to buffer: inout ByteBuffer)

    /// Appends the error as the dialect's last event. No terminator of success follows it.
    mutating func fail(_ error: GatehouseError, requestID: String, to buffer: inout ByteBuffer)
}

/// What an answer that this gateway writes says of itself.
package struct AnswerIdentity: Sendable, Equatable {
    /// The call's id, in characters of `[A-Za-z0-9_-]`; the answer's own is made from it.
    package var call: String
    /// The model's name as the caller wrote it.
    package var model: String
    /// Seconds since 1970.
    package var created: Int
    /// The parts of the request that the dialect repeats in its answers (Responses: tools, instructions ...).
    package var echo: [JSONValue.Member] = []

    package init(call: String, model: String, created: Int) {
        self.call = call
        self.model = model
        self.created = created
    }
}

/// How a caller wants its stream.
package struct StreamOptions: Sendable, Equatable {
    /// OpenAI chat: `stream_options.include_usage`.
    package var wantsUsage = true
    /// Gemini: a JSON array instead of events (`alt=sse` absent).
    package var asArray = false

    package init() {}
}

/// What is particular about a target, as far as encoders must know.
package struct TargetTraits: Sendable, Equatable {
    /// The provider's kind (`anthropic`, `mistral`, `azure-openai` ...).
    package var kind: String
    /// The model's name there.
    package var model: String
    /// `anthropic-beta` values of the caller; the encoder keeps those the target takes.
    package var betas: [String] = []

    package init(kind: String, model: String) {
        self.kind = kind
        self.model = model
    }
}

/// A request as it goes to a target.
package struct EncodedRequest: Sendable, Equatable {
    package var body: JSONValue
    /// Headers that belong to it (`anthropic-beta`), beside those of the provider.
    package var headers: [Header] = []
    /// Fields of the caller that the target cannot express, whose loss does not change the meaning.
    package var dropped: [String] = []
    /// Names of functions that had to be changed: what the target calls them, and what the caller does.
    package var names = NameMap()

    package struct Header: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(body: JSONValue) { self.body = body }
}
