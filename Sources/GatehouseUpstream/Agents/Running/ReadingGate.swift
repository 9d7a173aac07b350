import Synchronization

/// A gate that one task waits at and others open and close.
final class ReadingGate: Sendable {
    private struct State {
        var isOpen = true
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    func set(open: Bool) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.isOpen = open
            guard open else { return nil }
            return state.waiter.take()
        }
        waiter?.resume()
    }

    /// Returns when the gate is open, or at once when the task is cancelled. One task at a time.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let passes = state.withLock { state in
                    if state.isOpen || Task.isCancelled { return true }
                    state.waiter = continuation
                    return false
                }
                if passes { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiter.take() }?.resume()
        }
    }
}
