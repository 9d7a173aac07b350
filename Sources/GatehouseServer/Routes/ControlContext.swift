import GatehouseCore
import Hummingbird
import NIOCore

/// What goes with a request of the control plane.
struct ControlContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    /// Who is at the other end of the connection; `nil` where that is no IP address.
    let peer: IPAddress?

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        peer = source.channel.peerAddress
    }
}

extension Channel {
    /// Of who is at the other end, where it has an IP address.
    var peerAddress: IPAddress? { remoteAddress?.ipAddress.flatMap { IPAddress($0) } }
}
