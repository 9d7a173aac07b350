import GatehouseCore
import NIOCore
import Synchronization

/// One call's wait for an account of an agent.
final class AccountWait: WaitingRoom {
    private let book: AccountBook
    private let wish: AccountQueue.Wish
    private let lent = Mutex<AccountBook.Lent?>(nil)

    init(_ book: AccountBook, _ wish: AccountQueue.Wish) {
        self.book = book
        self.wish = wish
    }

    /// The account that it got, once; `nil` when there was nothing to wait for any more.
    func take() -> AccountBook.Lent? {
        lent.withLock { $0.take() }
    }

    func wait(owner: String, now: Instant, resume: @escaping Deployment.Resume) -> Deployment.Entry {
        book.wait(wish, now: now, lent: { lent in self.lent.withLock { $0 = lent } }, resume: resume)
    }

    func abandon(_ ticket: UInt64) -> Int? { book.abandon(ticket) }
    func decline(now: Instant) { take()?.lease.end() }

    /// Rests end by themselves.
    var look: TimeAmount? { .seconds(1) }
    func look(now: Instant) { book.look(now: now) }
}
