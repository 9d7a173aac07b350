import Glibc
import NIOCore

/// The system's resolver: `/etc/hosts`, DNS, whatever `nsswitch.conf` says.
package enum SystemResolver {
    /// More than anybody has; a name server must not make us try without end.
    static let maximum = 200
    // Of glibc, which shows them to GNU sources only.
    private static let noData: CInt = -5
    private static let noFamily: CInt = -9

    static func addresses(_ host: String, _ family: HostResolver.Family) -> HostResolver.Answer {
        var hints = addrinfo()
        hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
        hints.ai_family = family == .v4 ? AF_INET : AF_INET6
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(host, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        switch code {
        case 0: return .addresses(read(list))
        case noData, noFamily: return .addresses([])
        default: return .failure(String(cString: gai_strerror(code)))
        }
    }

    private static func read(_ list: UnsafeMutablePointer<addrinfo>?) -> [SocketAddress] {
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next, addresses.count < maximum {
            next = entry.pointee.ai_next
            guard let place = entry.pointee.ai_addr.map(UnsafeRawPointer.init) else { continue }
            switch entry.pointee.ai_family {
            case AF_INET: addresses.append(SocketAddress(place.loadUnaligned(as: sockaddr_in.self)))
            case AF_INET6: addresses.append(SocketAddress(place.loadUnaligned(as: sockaddr_in6.self)))
            default: break
            }
        }
        return addresses
    }

    /// Lets the system's resolver give up in a time that leaves something of ours: one lost packet would else cost it five
    /// seconds. Before any thread is started; an operator's own choice stands.
    package static func hurry() {
        setenv("RES_OPTIONS", "timeout:1 attempts:2", 0)
    }
}
