package import GatehouseCore
package import NIOCore

/// Refuses every request: the operator has set no credential, or one that cannot be used.
package struct MissingCredential: RequestAuthorizer {
    private let reason: String

    /// - Parameter reason: For the log, in words for the operator. Nothing secret.
    package init(_ reason: String = "no credential is configured for this provider") {
        self.reason = reason
    }

    package func authorize(
        _ request: OutgoingRequest, on eventLoop: any EventLoop,
        _ body: @escaping (Result<[AuthorizationHeader], Failure>) -> Void
    ) {
        body(.failure(Failure(.auth, detail: reason)))
    }
}
