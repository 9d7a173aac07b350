import Synchronization

/// A gate that one task waits at and others open and close.
final class ReadingGate: Sendable {
    private struct State {
        var isOpen: Bool
        var isReleased = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    init(isOpen: Bool = true) {
        state = Mutex(State(isOpen: isOpen))
    }

    /// Whether it was opened for good.
    var isReleased: Bool { state.withLock { $0.isReleased } }

    func set(open: Bool) {
        change { state in state.isOpen = open || state.isReleased }
    }

    /// Opens it for good: it is not closed any more.
    func release() {
        change { state in (state.isOpen, state.isReleased) = (true, true) }
    }

    private func change(_ change: (inout State) -> Void) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            change(&state)
            return state.isOpen ? state.waiter.take() : nil
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
