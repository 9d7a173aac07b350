import GatehouseCore
import NIOCore

/// How fast callers may call.
extension CallDriver {
    /// Tokens that an answer is taken to have whose caller names no maximum.
    private static let usualOutput = 256

    /// Charges the call to its limits. One that goes on without its caller was charged with the call that began it.
    func passLimits(_ head: CallHead) throws(GatehouseError) {
        guard request.principal.rateLimit != nil || !request.snapshot.limits.isEmpty, request.lease == nil else {
            return
        }
        let key = request.principal.key
        let tokens = Self.estimate(request, head)
        var query = RateLimitQuery(key, route: "\(request.operation.path)", .call(tokens: tokens))
        query.model = head.model
        query.address = request.address
        do throws(RateLimitRefusal) {
            request.lease = try memory.limiter.admit(query, request.snapshot.limits, now: now)
            request.limits = request.lease?.status
        } catch {
            request.limits = error.status
            throw error.error
        }
    }

    /// A fourth of the bytes of the request, and the output that was asked for.
    private static func estimate(_ request: CallRequest, _ head: CallHead) -> Int {
        let output = request.operation.surface == .generation ? head.maxTokens ?? usualOutput : 0
        return (request.body.readableBytes / 4).capped(adding: max(0, output))
    }

    /// Gives back what the call did not use.
    func leaveLimits() {
        guard let lease = request.lease else { return }
        request.lease = nil
        // What no upstream saw used nothing; what one saw and nobody counted is taken for what it was estimated at.
        memory.limiter.settle(lease, used: record.usage?.total ?? (record.attempts == 0 ? 0 : nil), now: now)
    }
}
