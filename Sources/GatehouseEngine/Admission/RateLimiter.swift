package import GatehouseCore
import Synchronization

/// The limits of this instance. It outlives reloads: what was used stays used.
///
/// One book behind one lock: a call is charged to several buckets at once or to none, which cannot be had of buckets with
/// locks of their own, and the lock is held for some hundred nanoseconds. Calls that nothing limits do not take it.
package final class RateLimiter: Sendable {
    private let book: Mutex<RateLimitBook>
    private let onRefusal: @Sendable (RateLimitRefusal) -> Void

    /// - Parameter onRefusal: Called on event loops: it must not block.
    package init(
        _ book: consuming sending RateLimitBook = RateLimitBook(),
        onRefusal: @escaping @Sendable (RateLimitRefusal) -> Void = { _ in }
    ) {
        self.book = Mutex(book)
        self.onRefusal = onRefusal
    }

    /// Lets something in, or not.
    ///
    /// - Returns: `nil` where nothing limits it.
    /// - Throws: Why not.
    package func admit(
        _ query: RateLimitQuery, _ table: RateLimitTable, now: Instant
    ) throws(RateLimitRefusal) -> RateLease? {
        switch book.withLock({ $0.admit(query, table, now: now) }) {
        case .free: return nil
        case .admitted(let charge, let status): return RateLease(charge, status)
        case .refused(let refusal):
            onRefusal(refusal)
            throw refusal
        }
    }

    /// A call has ended.
    ///
    /// - Parameter used: The tokens that it used; `nil` where nobody says.
    package func settle(_ lease: RateLease, used: Int?, now: Instant) {
        book.withLock { $0.settle(lease.charge, used: used, now: now) }
    }

    /// Subjects that are known now.
    package var subjects: Int { book.withLock { $0.count } }
}

/// What a call was charged to, until it is settled. A class: calls carry it about, and most have none.
package final class RateLease: Sendable {
    let charge: RateLimitBook.Charge
    package let status: RateLimitStatus

    init(_ charge: RateLimitBook.Charge, _ status: RateLimitStatus) {
        self.charge = charge
        self.status = status
    }
}
