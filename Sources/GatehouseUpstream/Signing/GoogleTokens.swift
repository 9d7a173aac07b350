package import GatehouseCore
package import NIOCore

/// Access tokens of a service account, renewed before they end.
package struct GoogleTokens: RequestAuthorizer {
    /// What Vertex AI wants.
    private static let scope = "https://www.googleapis.com/auth/cloud-platform"
    private static let renewBefore = 300

    private let token: RenewingCredential<Secret>

    /// - Parameters:
    ///   - connector: To the account's `tokenOrigin`.
    ///   - eventLoop: Where tokens are asked for.
    ///   - clock: Seconds since 1970.
    package init(
        _ account: GoogleServiceAccount, connector: HTTPConnector, eventLoop: any EventLoop,
        clock: @escaping @Sendable () -> Int
    ) {
        let client = CredentialClient(connector: connector, eventLoop: eventLoop)
        token = RenewingCredential(renewBefore: Self.renewBefore, clock: clock) { receiver in
            Self.ask(client, account, clock, receiver)
        }
    }

    package func authorize(
        _ request: OutgoingRequest, on eventLoop: any EventLoop,
        _ body: @escaping (Result<[AuthorizationHeader], Failure>) -> Void
    ) {
        token.get(on: eventLoop) { result in
            body(result.map { [AuthorizationHeader("authorization", Secret("Bearer " + $0.reveal()))] })
        }
    }

    private static func ask(
        _ client: CredentialClient, _ account: GoogleServiceAccount, _ clock: @escaping @Sendable () -> Int,
        _ receiver: @escaping @Sendable (Result<RenewingCredential<Secret>.Lease, Failure>) -> Void
    ) {
        let now = clock()
        let assertion: Secret
        do throws(Failure) {
            assertion = try account.assertion(scope: scope, now: now)
        } catch {
            return receiver(.failure(error))
        }
        let type = [(name: "content-type", value: Secret("application/x-www-form-urlencoded"))]
        let grant = PercentEncoding.encoded("urn:ietf:params:oauth:grant-type:jwt-bearer")
        let form = "grant_type=\(grant)&assertion=\(assertion.reveal())"
        let path = account.tokenOrigin.path.isEmpty ? "/" : account.tokenOrigin.path
        client.send("POST", path, headers: type, body: form) { result in
            receiver(result.flatMap { Self.lease($0, now) })
        }
    }

    private static func lease(
        _ answer: CredentialClient.Answer, _ now: Int
    ) -> Result<RenewingCredential<Secret>.Lease, Failure> {
        guard answer.status == 200 else {
            let kind: Failure.Kind = answer.status >= 500 ? .upstream : .auth
            return .failure(Failure(kind, detail: "token endpoint: status \(answer.status)"))
        }
        guard let body = try? JSONValue(parsing: answer.body.readableBytesView),
            let token = body["access_token"]?.string, !token.isEmpty,
            token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return .failure(Failure(.auth, detail: "token endpoint: the answer holds no token")) }
        let lifetime = min(body["expires_in"]?.count ?? 3600, 86_400)
        return .success(.init(value: Secret(token), expiresAt: now + lifetime))
    }
}
