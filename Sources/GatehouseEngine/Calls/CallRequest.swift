package import GatehouseCore
package import NIOCore

/// A request whose head and body are complete, from a caller who is known. A class, as everyone on the call's way looks
/// at it and none changes it; confined to the call's event loop.
package final class CallRequest {
    package let id: String
    package let operation: Operation
    package let principal: Principal
    package let snapshot: RoutingSnapshot
    package let body: ByteBuffer
    /// What the path says of model and stream, where it does.
    package var target: PathTarget?
    /// The caller's `anthropic-beta` values.
    package var betas: [String] = []
    /// Of the body, where it is not JSON.
    package var contentType: String?
    /// The caller showed that the request may be carried out twice (`Idempotency-Key`).
    package var mayRepeat = false
    /// The caller's own name for it (`Idempotency-Key`): what is asked again by that name is not carried out again.
    package var idempotencyKey: String?
    /// What the caller wants of the cache (`X-Gatehouse-Cache`).
    package var cacheWish: CacheWish?
    /// What the answer's id is made of, where that must not be the call's own: a caller may show the same request id
    /// again and again.
    package var answerID: String?
    /// The caller's session (`X-Session-ID`).
    package var session: String?
    /// The call is a turn of that session: what was said before goes with it (`X-Gatehouse-Session: continue`).
    package var continuesSession = false
    /// The headers that the snapshot's plans look at.
    package var headers: [CallTraits.Header] = []
    /// How long the caller will wait (`X-Gatehouse-Timeout`), from the moment its head came.
    package var patience: TimeAmount?
    /// Where it comes from, where limits look at that.
    package var address: String?
    /// What it was charged to; `nil` where nothing limits it.
    package var lease: RateLease?
    /// What is left of its limits.
    package var limits: RateLimitStatus?
    /// When its head came.
    package let start: NIODeadline

    /// Where files belong that are made on the way: with the caller's session, else with the call.
    var place: ArtifactPlace { ArtifactPlace(owner: principal.name, session: session ?? id) }

    package init(
        id: String, operation: Operation, principal: Principal, snapshot: RoutingSnapshot, body: ByteBuffer,
        start: NIODeadline
    ) {
        self.id = id
        self.operation = operation
        self.principal = principal
        self.snapshot = snapshot
        self.body = body
        self.start = start
    }
}
