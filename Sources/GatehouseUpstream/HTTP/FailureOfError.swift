import GatehouseCore
import NIOCore
import NIOSSL

/// Makes failures of what NIO throws.
enum FailureOfError {
    static func classify(_ error: any Error) -> Failure {
        switch error {
        case let failure as Failure: failure
        // Many end a connection without TLS's own goodbye; whether something is missing the framing tells.
        case NIOSSLError.uncleanShutdown: Failure(.unreachable, detail: "connection closed")
        case is NIOSSLError, is NIOSSLExtraError, is BoringSSLError: Failure(.tls, detail: "\(error)")
        case let error as HTTPResponseError: Failure(.protocol, detail: error.rawValue)
        case let error as ChannelError:
            if case .connectTimeout = error {
                Failure(.timeout(.connect), detail: "\(error)")
            } else {
                Failure(.unreachable, detail: "\(error)")
            }
        default: Failure(.unreachable, detail: String("\(error)".prefix(300)))
        }
    }
}
