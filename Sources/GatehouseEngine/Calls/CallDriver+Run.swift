import GatehouseCore
import NIOCore

/// Calls that go on without their callers: this one begins the run, and ends with telling of it, or with its events.
extension CallDriver {
    /// How soon a caller is looked at again that takes no bytes.
    private static let patience = TimeAmount.milliseconds(50)

    func begin(_ head: CallHead, _ runs: RunService) throws(GatehouseError) {
        let opening = try RunOpening(request, head, now: time)
        let (owner, session, model) = (request.principal.name, request.session, head.model)
        wait(for: { try await runs.begin(opening, owner: owner, session: session, model: model) }) { result in
            switch result {
            case .success(let run):
                // Also when the caller has left by now: it was to go on without him.
                runs.start(run, opening, self.request, on: self.eventLoop)
                if self.isSettled { return }
                if head.stream { return self.follow(run, after: 0) }
                if let response = opening.response { self.tell(response) } else { self.tell(run) }
            case .failure(let error): self.refuse(run: error)
            }
        }
    }

    private func refuse(run error: any Error) {
        guard !isSettled else { return }
        refuse(error as? GatehouseError ?? GatehouseError(.internalError, "The run could not be begun."))
    }

    /// That it has begun, and where to ask for it.
    private func tell(_ run: Run) {
        record.status = 202
        let body = RunDocument.value(run.record, []).bytes
        record.bytesOut = body.readableBytes
        var head = CallResponseHead(status: 202, requestID: request.id)
        head.run = run.id
        head.limits = request.limits
        downstream?.respond(head, body: body)
        settle()
    }

    /// The response as it is now: its id is what it can be asked for by.
    private func tell(_ response: JSONValue) {
        record.status = 200
        let body = response.bytes
        record.bytesOut = body.readableBytes
        var head = CallResponseHead(status: 200, requestID: request.id)
        head.limits = request.limits
        downstream?.respond(head, body: body)
        settle()
    }

    /// Its events, until it or the caller ends.
    private func follow(_ run: Run, after last: Int) {
        guard isWritable else {
            pause = eventLoop.assumeIsolated().scheduleTask(in: Self.patience) { self.follow(run, after: last) }
            return
        }
        wait(for: { try await run.next(after: last) }) { result in
            if self.isSettled { return }
            switch result {
            case .success(let batch) where batch.isEnd:
                self.downstream?.endStream()
                self.settle()
            case .success(let batch):
                if self.request.operation == .responses {
                    // In its dialect the number is a member of the event.
                    self.begin(.one(NumberedEvents.bare(batch.bytes)))
                } else {
                    self.runID = run.id
                    self.begin(.one(batch.bytes))
                }
                self.follow(run, after: batch.last)
            case .failure:
                // What was told is true, and not all: the caller can ask for the rest.
                self.downstream?.sever()
                self.settle()
            }
        }
    }
}
