package import GatehouseCore
import NIOCore
import Synchronization

/// Sees to it that a call that its caller named (`Idempotency-Key`) is carried out once: calls that run are known here, those
/// that ended by the store. An answer stays here until the store has it, so that there is no moment in between.
package final class IdempotencyDesk: Sendable {
    /// What becomes of a call that comes with a name.
    enum Claim {
        /// It is the only one here: the store must be asked.
        case first(Int)
        /// The one before was not carried out, and the store is about to forget it.
        case again(Int)
        case inProgress
        /// Another request had this name.
        case other
        case answered(KeptAnswer)
    }

    private struct Known {
        let digest: [UInt8]
        /// Tells it from others that had the name.
        let turn: Int
        /// `nil` while it runs.
        var answer: KeptAnswer?
        var isForgotten = false
    }

    private struct State {
        var known: [IdempotencyName: Known] = [:]
        var turns = 0
    }

    private let state = Mutex(State())
    let store: any IdempotencyStore

    package init(_ store: any IdempotencyStore) {
        self.store = store
    }

    /// Of all that tells one request from another.
    func digest(of request: CallRequest) -> [UInt8] {
        let target = request.target.map { "\($0.model)\n\($0.stream)\n\($0.asArray)" } ?? ""
        return store.digest(of: [ByteBuffer(string: "\(request.operation.rawValue)\n\(target)"), request.body])
    }

    func claim(_ name: IdempotencyName, _ digest: [UInt8]) -> Claim {
        state.withLock { state in
            guard let found = state.known[name], !found.isForgotten else {
                state.turns &+= 1
                let isNew = state.known[name] == nil
                state.known[name] = Known(digest: digest, turn: state.turns)
                return isNew ? .first(state.turns) : .again(state.turns)
            }
            guard found.digest == digest else { return .other }
            return found.answer.map { .answered($0) } ?? .inProgress
        }
    }

    /// The store knows better from now on, or there is nothing to know.
    func release(_ name: IdempotencyName, _ turn: Int) {
        state.withLock { state in
            if state.known[name]?.turn == turn { state.known.removeValue(forKey: name) }
        }
    }

    /// The call has ended; its answer is kept.
    func keep(_ answer: KeptAnswer, isTooLong: Bool, _ name: IdempotencyName, _ turn: Int) {
        if !isTooLong { state.withLock { $0.known[name]?.answer = answer } }
        store.keep(name, head: answer.headBytes, body: isTooLong ? nil : answer.body) { self.release(name, turn) }
    }

    /// The call has ended and was not carried out: the name is free at once, as the store does things in order.
    func forget(_ name: IdempotencyName, _ turn: Int) {
        state.withLock { $0.known[name]?.isForgotten = true }
        store.forget(name) { self.release(name, turn) }
    }

    /// Calls that run, and answers on their way to the store.
    package var count: Int { state.withLock { $0.known.count } }
}

/// One call on its way through the desk. Confined to the call's event loop.
final class NamedCall {
    let desk: IdempotencyDesk
    let name: IdempotencyName
    let digest: [UInt8]
    private let turn: Int
    /// There once the call is about to be sent.
    var recorder: AnswerRecorder?
    /// The store is asked to say that it begins.
    var isBeginning = false
    /// An attempt failed behind which the upstream may have worked.
    var mayHaveRun = false

    init(_ desk: IdempotencyDesk, _ name: IdempotencyName, _ digest: [UInt8], _ turn: Int) {
        self.desk = desk
        self.name = name
        self.digest = digest
        self.turn = turn
    }

    func release() { desk.release(name, turn) }
    func forget() { desk.forget(name, turn) }

    /// The call has ended.
    ///
    /// - Parameter ran: Somebody carried it out, or may have.
    func end(_ record: CallRecord, ran: Bool) {
        // What is being begun is forgotten when it has.
        if isBeginning { return }
        guard let recorder else { return release() }
        let ran = ran || mayHaveRun
        switch record.outcome {
        // Cut off in the middle: that it began is all that there is to know.
        case .failed(.shuttingDown, _) where ran: release()
        case .failed where !ran, .clientGone where !ran: forget()
        case .completed, .failed, .clientGone:
            guard let answer = recorder.answer, recorder.isWhole else { return release() }
            desk.keep(answer, isTooLong: recorder.isTooLong, name, turn)
        }
    }
}
