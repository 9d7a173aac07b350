package import GatehouseCore
package import NIOCore

/// A request whose headers are still to prove who sends it.
package struct OutgoingRequest: Sendable {
    package var method: String
    /// With the query, percent-encoded as it goes out.
    package var path: String
    /// The value of the `Host` header.
    package var host: String
    package var contentType: String
    package var body: ByteBuffer

    package init(method: String = "POST", path: String, host: String, contentType: String, body: ByteBuffer) {
        self.method = method
        self.path = path
        self.host = host
        self.contentType = contentType
        self.body = body
    }
}

/// Proves who sends a request, where a key in a header does not suffice.
package protocol RequestAuthorizer: Sendable {
    /// Gives `body` the headers to add: before this returns when the credential is at hand, else later on `eventLoop`,
    /// which is the loop this is called on. It is called once.
    func authorize(
        _ request: OutgoingRequest, on eventLoop: any EventLoop,
        _ body: @escaping (Result<[AuthorizationHeader], Failure>) -> Void)
}

package struct AuthorizationHeader: Sendable, Equatable {
    package var name: String
    package var value: Secret

    package init(_ name: String, _ value: Secret) {
        self.name = name
        self.value = value
    }
}
