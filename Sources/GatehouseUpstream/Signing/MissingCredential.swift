package import GatehouseCore
package import NIOCore

/// Refuses every request: the operator has set no credential.
package struct MissingCredential: RequestAuthorizer {
    package init() {}

    package func authorize(
        _ request: OutgoingRequest, on eventLoop: any EventLoop,
        _ body: @escaping (Result<[AuthorizationHeader], Failure>) -> Void
    ) {
        body(.failure(Failure(.auth, detail: "no credential is configured for this provider")))
    }
}
