import NIOCore
import Synchronization

/// The sessions in which a turn is being answered: one at a time in each, or two answers would know nothing of each other.
/// Others wait for it in the order in which they came, as many as are allowed to.
package final class SessionTurns: Sendable {
    package struct Name: Hashable, Sendable {
        let owner: String
        let session: String

        package init(owner: String, session: String) {
            self.owner = owner
            self.session = session
        }
    }

    /// When a turn may begin.
    enum Place {
        case now
        /// Once the future is fulfilled. The turn has begun then: `end` must follow, also where nobody wants it any more.
        case later(EventLoopFuture<Void>)
        case refused
    }

    private let waiting: Int
    private let busy = Mutex<[Name: CircularBuffer<EventLoopPromise<Void>>]>([:])

    /// - Parameter waiting: Turns of one session that wait; more are refused.
    package init(waiting: Int = 0) {
        self.waiting = waiting
    }

    /// - Parameter eventLoop: Where the future is fulfilled.
    func begin(_ name: Name, on eventLoop: any EventLoop) -> Place {
        busy.withLock { busy in
            guard let queue = busy[name] else {
                busy[name] = CircularBuffer()
                return .now
            }
            guard queue.count < waiting else { return .refused }
            let promise = eventLoop.makePromise(of: Void.self)
            busy[name]?.append(promise)
            return .later(promise.futureResult)
        }
    }

    func end(_ name: Name) {
        let next: EventLoopPromise<Void>? = busy.withLock { busy in
            if let next = busy[name]?.popFirst() { return next }
            busy.removeValue(forKey: name)
            return nil
        }
        next?.succeed()
    }

    func isBusy(_ name: Name) -> Bool { busy.withLock { $0[name] != nil } }
}
