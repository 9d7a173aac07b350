package import GatehouseCore
import NIOCore
import Synchronization

/// Sees to it that a call that its caller named (`Idempotency-Key`) is carried out once: calls that run are known here, those
/// that ended by the store. An answer stays here until the store has it, so that there is no moment in between.
package final class IdempotencyDesk: Sendable {
    /// What becomes of a call that comes with a name.
    enum Claim {
        /// It is the only one here: the store must be asked.
        case first
        case inProgress
        /// Another request had this name.
        case other
        case answered(KeptAnswer)
    }

    private struct Known {
        let digest: [UInt8]
        /// `nil` while it runs.
        var answer: KeptAnswer?
    }

    private let known = Mutex<[IdempotencyName: Known]>([:])
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
        known.withLock { known in
            guard let found = known[name] else {
                known[name] = Known(digest: digest)
                return .first
            }
            guard found.digest == digest else { return .other }
            return found.answer.map { .answered($0) } ?? .inProgress
        }
    }

    /// The store knows better from now on, or there is nothing to know.
    func release(_ name: IdempotencyName) {
        known.withLock { _ = $0.removeValue(forKey: name) }
    }

    /// The call has ended; its answer is kept.
    func keep(_ answer: KeptAnswer, isTooLong: Bool, _ name: IdempotencyName) {
        if !isTooLong { known.withLock { $0[name]?.answer = answer } }
        store.keep(name, head: answer.headBytes, body: isTooLong ? nil : answer.body) { self.release(name) }
    }

    /// The call has ended and was not carried out.
    func forget(_ name: IdempotencyName) {
        store.forget(name) { self.release(name) }
    }

    /// Calls that run, and answers on their way to the store.
    package var count: Int { known.withLock { $0.count } }
}

/// One call on its way through the desk. Confined to the call's event loop.
final class NamedCall {
    let desk: IdempotencyDesk
    let name: IdempotencyName
    let digest: [UInt8]
    /// There once the call is about to be sent.
    var recorder: AnswerRecorder?
    /// The store is asked to say that it begins.
    var isBeginning = false
    /// An attempt failed behind which the upstream may have worked.
    var mayHaveRun = false

    init(_ desk: IdempotencyDesk, _ name: IdempotencyName, _ digest: [UInt8]) {
        self.desk = desk
        self.name = name
        self.digest = digest
    }

    /// The call has ended.
    ///
    /// - Parameter ran: Somebody carried it out, or may have.
    func end(_ record: CallRecord, ran: Bool) {
        // What is being begun is forgotten when it has.
        if isBeginning { return }
        guard let recorder else { return desk.release(name) }
        let ran = ran || mayHaveRun
        switch record.outcome {
        // Cut off in the middle: that it began is all that there is to know.
        case .failed(.shuttingDown, _) where ran: desk.release(name)
        case .failed where !ran, .clientGone where !ran: desk.forget(name)
        case .completed, .failed, .clientGone:
            guard let answer = recorder.answer, recorder.isWhole else { return desk.release(name) }
            desk.keep(answer, isTooLong: recorder.isTooLong, name)
        }
    }
}
