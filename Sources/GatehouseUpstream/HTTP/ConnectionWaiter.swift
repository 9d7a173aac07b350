import GatehouseCore
import NIOCore

/// Waits for a connection, once. Confined to an event loop, unlike a promise, so that it may hand over what is not
/// `Sendable`.
final class ConnectionWaiter {
    private var handler: ((Result<HTTPConnection, Failure>) -> Void)?
    /// When waiting ends.
    var deadline: Scheduled<Void>?

    init(_ handler: @escaping (Result<HTTPConnection, Failure>) -> Void) {
        self.handler = handler
    }

    var isWaiting: Bool { handler != nil }

    /// The first result counts; a connection that comes too late is closed.
    func complete(_ result: Result<HTTPConnection, Failure>) {
        guard let handler else {
            if case .success(let connection) = result { connection.close() }
            return
        }
        self.handler = nil
        deadline?.cancel()
        deadline = nil
        handler(result)
    }
}
