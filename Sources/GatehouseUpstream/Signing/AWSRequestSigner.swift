package import GatehouseCore
package import NIOCore

/// Signs requests to an AWS service.
package struct AWSRequestSigner: RequestAuthorizer {
    private let signature: SigV4
    private let credentials: AWSCredentialProvider
    private let clock: @Sendable () -> Int

    /// - Parameter clock: Seconds since 1970.
    package init(
        region: String, service: String, credentials: AWSCredentialProvider, clock: @escaping @Sendable () -> Int
    ) {
        signature = SigV4(region: region, service: service)
        self.credentials = credentials
        self.clock = clock
    }

    package func authorize(
        _ request: OutgoingRequest, on eventLoop: any EventLoop,
        _ body: @escaping (Result<[AuthorizationHeader], Failure>) -> Void
    ) {
        credentials.get(on: eventLoop) { result in
            body(result.map { sign(request, $0) })
        }
    }

    private func sign(_ request: OutgoingRequest, _ credentials: AWSCredentials) -> [AuthorizationHeader] {
        signature.sign(
            method: request.method, path: request.path,
            headers: [("host", request.host), ("content-type", request.contentType)], body: request.body,
            with: credentials, at: clock())
    }
}
