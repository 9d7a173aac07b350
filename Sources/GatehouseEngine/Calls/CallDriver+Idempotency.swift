import GatehouseCore
import NIOCore

/// Calls that their callers named, so that they can ask again without being served twice.
extension CallDriver {
    /// Goes on unless the call was made before: then its caller gets what there is of it.
    func claim(_ goOn: @escaping () throws(GatehouseError) -> Void) throws(GatehouseError) {
        guard let key = request.idempotencyKey, let desk = memory.idempotency else { return try goOn() }
        let name = IdempotencyName(owner: request.principal.name, key: key)
        let digest = desk.digest(of: request)
        switch desk.claim(name, digest) {
        case .inProgress: throw .inProgress
        case .other: throw .keyReused
        case .answered(let answer): return replay(answer)
        case .again(let turn):
            named = NamedCall(desk, name, digest, turn)
            return try goOn()
        case .first(let turn): named = NamedCall(desk, name, digest, turn)
        }
        desk.store.find(name, on: eventLoop).assumeIsolated().whenComplete { result in
            guard !self.isSettled else { return }
            do throws(GatehouseError) {
                guard let entry = try Self.found(result) else { return try goOn() }
                try self.answer(entry, digest)
            } catch {
                self.refuse(error)
            }
        }
    }

    private static func found(
        _ result: Result<IdempotencyEntry?, any Error>
    ) throws(GatehouseError) -> IdempotencyEntry? {
        do {
            return try result.get()
        } catch {
            throw error as? GatehouseError ?? .unsafe
        }
    }

    /// The call was made before.
    private func answer(_ entry: IdempotencyEntry, _ digest: [UInt8]) throws(GatehouseError) {
        guard entry.digest == digest else { throw .keyReused }
        switch entry.state {
        case .begun: throw .outcomeUnknown
        case .lost: throw .answerLost
        case .answered(let head, let body):
            guard let answer = KeptAnswer(head: head, body: body) else { throw .answerLost }
            replay(answer)
        }
    }

    private func replay(_ answer: KeptAnswer) {
        give(answer) { $0.isReplayed = true }
    }

    /// Sends the call, once it is on the disk that it began: from then on it is not made again unless it is known that it was
    /// not carried out, and it goes on also when its caller has gone.
    func secure(_ send: @escaping () throws(GatehouseError) -> Void) {
        guard let named else { return attempt(send) }
        let begun = named.desk.store.begin(named.name, digest: named.digest, on: eventLoop)
        named.isBeginning = true
        begun.assumeIsolated().whenComplete { result in
            named.isBeginning = false
            switch result {
            // It ended in the meantime, and nothing was sent.
            case .success where self.isSettled: named.forget()
            case .failure where self.isSettled: named.release()
            case .success:
                let recorder = AnswerRecorder(
                    for: self.downstream, maximumSize: named.desk.store.maximumSize)
                named.recorder = recorder
                self.downstream = recorder
                self.attempt(send)
            case .failure(let error): self.refuse(error as? GatehouseError ?? .unsafe)
            }
        }
    }

    private func attempt(_ send: () throws(GatehouseError) -> Void) {
        do throws(GatehouseError) {
            try send()
        } catch {
            refuse(error)
        }
    }

    /// The caller has gone, and the call goes on so that its answer can be had later.
    func goesOnAlone() -> Bool {
        guard let recorder = named?.recorder, !isSettled else { return false }
        recorder.leave()
        downstreamWritable(true)
        return true
    }

    /// The last word of a named call.
    ///
    /// - Parameter ran: An attempt of it was neither refused nor failed.
    func endNamed(ran: Bool) {
        guard let named else { return }
        self.named = nil
        named.end(record, ran: ran)
    }
}

extension GatehouseError {
    fileprivate static let inProgress = GatehouseError(
        .idempotencyInProgress, "A request with this Idempotency-Key is being answered. Ask again for its answer.",
        param: "idempotency-key", retryAfter: 1)
    fileprivate static let keyReused = GatehouseError(
        .idempotencyKeyReused, "This Idempotency-Key was used for another request. Each request needs its own.",
        param: "idempotency-key")
    fileprivate static let outcomeUnknown = GatehouseError(
        .idempotencyOutcomeUnknown,
        "A request with this Idempotency-Key began and was cut off: it may have been carried out. It is not made again.",
        param: "idempotency-key")
    fileprivate static let answerLost = GatehouseError(
        .idempotencyOutcomeUnknown,
        "The request with this Idempotency-Key was carried out, and its answer is not kept. It is not made again.",
        param: "idempotency-key")
    fileprivate static let unsafe = GatehouseError(
        .storageUnavailable, "It cannot be seen whether this request was made before. Try later.", retryAfter: 5)
}
