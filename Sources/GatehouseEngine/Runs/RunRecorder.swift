import GatehouseCore
import NIOCore

/// Takes what the call of a run is answered. Confined to the call's event loop, which it keeps the call alive on.
protocol RunDownstream: CallDownstream {
    /// The call, as long as it goes on.
    var driver: CallDriver? { get set }
    /// The call is ended from outside.
    func cancel()
}

/// Takes the answer of a call that runs without its caller. Confined to the call's event loop, which it keeps the call alive
/// on.
final class RunRecorder: RunDownstream {
    private let run: Run
    private let requestID: String
    private let clock: @Sendable () -> Int
    private let onEnd: @Sendable () -> Void
    var driver: CallDriver?

    init(
        _ run: Run, requestID: String, clock: @escaping @Sendable () -> Int, onEnd: @escaping @Sendable () -> Void
    ) {
        self.run = run
        self.requestID = requestID
        self.clock = clock
        self.onEnd = onEnd
    }

    func beginStream(_ head: CallResponseHead) {}
    func write(_ bytes: ByteBuffer) { run.add(bytes) }
    func flush() {}

    /// An error, before anything happened.
    func respond(_ head: CallResponseHead, body: ByteBuffer) {
        let error = (try? JSONValue(parsing: body.readableBytesView)) ?? .object([])
        run.add(NumberedEvents.write(run.record.last + 1, "failed", error))
        end(.failed)
    }

    func endStream() { end(run.lastIsFinish ? .finished : .failed) }

    func sever() {
        fail(GatehouseError(.upstreamTruncated, "The answer broke off."))
        end(.failed)
    }

    func cancel() {
        guard driver != nil else { return }
        let verdict = run.verdict ?? .cancelled
        switch verdict {
        case .interrupted: fail(RunService.interrupted)
        case .failed: fail(.keyEnded)
        default: fail(GatehouseError(.runCancelled, "The run was cancelled."))
        }
        driver?.clientGone()
        end(verdict)
    }

    private func fail(_ error: GatehouseError) {
        let value = Dialect.native.codec.render(error, requestID: requestID, time: clock())
        let body = (try? JSONValue(parsing: value.readableBytesView)) ?? .object([])
        run.add(NumberedEvents.write(run.record.last + 1, "failed", body))
    }

    private func end(_ status: RunRecord.Status) {
        driver = nil
        run.end(status, at: clock(), onKept: onEnd)
    }
}
