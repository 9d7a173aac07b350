import GatehouseCore
import NIOCore

/// An attempt whose request must be proven first; that may take a while when a credential has to be fetched. Confined to
/// its event loop.
final class AuthorizedAttempt: UpstreamAttempt {
    private var inner: (any UpstreamAttempt)?
    private var reply: (any UpstreamReply)?
    private var isReading = true
    private let eventLoop: any EventLoop

    init(reply: any UpstreamReply, on eventLoop: any EventLoop) {
        self.reply = reply
        self.eventLoop = eventLoop
    }

    /// The credential is there, or is not to be had.
    ///
    /// - Parameter send: Starts the attempt proper with the headers.
    func proceed(
        _ result: Result<[AuthorizationHeader], Failure>,
        _ send: ([AuthorizationHeader], any UpstreamReply) -> any UpstreamAttempt
    ) {
        guard let reply else { return }
        self.reply = nil
        switch result {
        case .success(let headers): inner = send(headers, reply)
        case .failure(let failure): inner = FailedAttempt(failure, on: eventLoop, reply: reply)
        }
        if !isReading { inner?.setReading(false) }
    }

    func cancel() {
        reply = nil
        inner?.cancel()
    }

    func finish() {
        reply = nil
        inner?.finish()
    }

    func setReading(_ reading: Bool) {
        isReading = reading
        inner?.setReading(reading)
    }
}
