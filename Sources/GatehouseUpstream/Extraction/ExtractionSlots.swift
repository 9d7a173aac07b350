import GatehouseCore
import Synchronization

/// Places for those that run at the same time; some more may wait, in their order.
final class ExtractionSlots: Sendable {
    private struct State {
        var free: Int
        var last = 0
        var waiting: [(number: Int, continuation: CheckedContinuation<Bool, Never>)] = []
    }

    private let state: Mutex<State>
    private let waitingLimit: Int

    init(running: Int, waiting: Int) {
        state = Mutex(State(free: running))
        waitingLimit = waiting
    }

    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// Returns when there is a place; `release` gives it back.
    ///
    /// - Throws: `overloaded` when too many wait already, `shutting_down` when the task is cancelled meanwhile.
    func take() async throws(GatehouseError) {
        enum Entry { case taken, full, waits(Int) }
        let entry: Entry = state.withLock { state in
            if state.free > 0 {
                state.free -= 1
                return .taken
            }
            guard state.waiting.count < waitingLimit else { return .full }
            state.last += 1
            return .waits(state.last)
        }
        switch entry {
        case .taken: return
        case .full: throw GatehouseError(.overloaded, "Too many files are being read.", retryAfter: 5)
        case .waits(let number):
            guard await wait(number) else { throw GatehouseError(.shuttingDown, "The file was not read any more.") }
        }
    }

    private func wait(_ number: Int) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if Task.isCancelled { return false }
                    // A place may have become free since.
                    if state.free > 0 {
                        state.free -= 1
                        return true
                    }
                    state.waiting.append((number, continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let waiter = state.withLock { state -> CheckedContinuation<Bool, Never>? in
                guard let index = state.waiting.firstIndex(where: { $0.number == number }) else { return nil }
                return state.waiting.remove(at: index).continuation
            }
            waiter?.resume(returning: false)
        }
    }

    func release() {
        let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard !state.waiting.isEmpty else {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst().continuation
        }
        next?.resume(returning: true)
    }
}
