package import GatehouseCore
package import NIOCore
import NIOPosix
package import NIOSSL
import SystemPackage

/// Gives AWS credentials, renewed before they end, without blocking a loop.
package final class AWSCredentialProvider: Sendable {
    private enum Kind: Sendable {
        case fixed(AWSCredentials)
        case renewing(RenewingCredential<AWSCredentials>)
    }

    /// Seconds before the end of temporary credentials at which new ones are asked for.
    private static let renewBefore = 300
    /// Seconds after which a file is read again.
    private static let fileAge = 300

    private let kind: Kind

    /// - Parameters:
    ///   - eventLoop: Where endpoints are asked.
    ///   - tls: For endpoints with `https`.
    ///   - clock: Seconds since 1970.
    package init(
        _ source: AWSCredentialSource, eventLoop: any EventLoop, tls: NIOSSLContext,
        clock: @escaping @Sendable () -> Int
    ) {
        func client(_ origin: HTTPOrigin) -> CredentialClient {
            // These addresses are of this host or its agent; a proxy would not reach them.
            let connector = HTTPConnector(origin: origin, tls: tls, proxy: nil, timeout: .seconds(3))
            return CredentialClient(connector: connector, eventLoop: eventLoop)
        }
        func renewing(_ fetch: @escaping RenewingCredential<AWSCredentials>.Fetch) -> Kind {
            .renewing(RenewingCredential(renewBefore: Self.renewBefore, clock: clock, fetch: fetch))
        }
        switch source {
        case .fixed(let credentials): kind = .fixed(credentials)
        case .file(let path, let profile):
            kind = renewing { Self.read(path, profile, clock, $0) }
        case .container(let endpoint):
            let client = client(endpoint.origin)
            kind = renewing { Self.ask(client, endpoint, $0) }
        case .instance(let origin):
            let metadata = AWSInstanceMetadata(client: client(origin))
            kind = renewing { metadata.credentials($0) }
        }
    }

    /// Gives credentials to `body`: before this returns when they are at hand, else later on `loop`, on which this is
    /// called.
    package func get(on loop: any EventLoop, _ body: @escaping (Result<AWSCredentials, Failure>) -> Void) {
        switch kind {
        case .fixed(let credentials): body(.success(credentials))
        case .renewing(let credential): credential.get(on: loop, body)
        }
    }

    typealias Receiver = @Sendable (Result<RenewingCredential<AWSCredentials>.Lease, Failure>) -> Void

    // MARK: The file

    private static func read(
        _ path: String, _ profile: String, _ clock: @escaping @Sendable () -> Int, _ receiver: @escaping Receiver
    ) {
        NIOThreadPool.singleton.submit { _ in
            guard let text = SmallFile.text(path),
                let credentials = (try? AWSProfileFile(text).credentials(profile)) ?? nil
            else { return receiver(.failure(Failure(.auth, detail: "no credentials in the profile \(profile)"))) }
            receiver(.success(.init(value: credentials, expiresAt: clock() + fileAge)))
        }
    }

    // MARK: The container

    private static func ask(
        _ client: CredentialClient, _ endpoint: AWSContainerEndpoint, _ receiver: @escaping Receiver
    ) {
        let send: @Sendable (Secret?) -> Void = { token in
            client.send("GET", endpoint.path, headers: token.map { [("authorization", $0)] } ?? []) { result in
                receiver(result.flatMap { Self.credentials($0, "container credentials") })
            }
        }
        switch endpoint.token {
        case .none: send(nil)
        case .value(let token): send(token)
        case .file(let path):
            NIOThreadPool.singleton.submit { _ in
                guard let text = SmallFile.text(path) else {
                    return receiver(.failure(Failure(.auth, detail: "the token's file cannot be read")))
                }
                send(Secret(String(text.prefix { !$0.isNewline })))
            }
        }
    }

    /// What an endpoint answered.
    static func credentials(
        _ answer: CredentialClient.Answer, _ place: String
    ) -> Result<RenewingCredential<AWSCredentials>.Lease, Failure> {
        guard answer.status == 200 else {
            return .failure(Failure(.auth, detail: "\(place): status \(answer.status)"))
        }
        guard let body = try? JSONValue(parsing: answer.body.readableBytesView),
            let credentials = AWSCredentials(endpointAnswer: body)
        else { return .failure(Failure(.auth, detail: "\(place): the answer holds no credentials")) }
        return .success(.init(value: credentials, expiresAt: credentials.expiresAt))
    }
}

/// EC2's metadata service, version 2: a token first, then the role's name, then its credentials
/// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html).
private struct AWSInstanceMetadata: Sendable {
    private static let place = "instance metadata"
    private static let root = "/latest/meta-data/iam/security-credentials/"

    let client: CredentialClient

    func credentials(_ receiver: @escaping AWSCredentialProvider.Receiver) {
        let lifetime = [(name: "x-aws-ec2-metadata-token-ttl-seconds", value: Secret("300"))]
        client.send("PUT", "/latest/api/token", headers: lifetime) { result in
            switch result.flatMap(Self.text) {
            case .failure(let failure): receiver(.failure(failure))
            case .success(let token): role([(name: "x-aws-ec2-metadata-token", value: Secret(token))], receiver)
            }
        }
    }

    private func role(
        _ headers: [(name: String, value: Secret)], _ receiver: @escaping AWSCredentialProvider.Receiver
    ) {
        client.send("GET", Self.root, headers: headers) { result in
            switch result.flatMap(Self.text) {
            case .failure(let failure): receiver(.failure(failure))
            case .success(let role):
                client.send("GET", Self.root + PercentEncoding.encoded(role), headers: headers) { result in
                    receiver(result.flatMap { AWSCredentialProvider.credentials($0, Self.place) })
                }
            }
        }
    }

    /// The first line of an answer.
    private static func text(_ answer: CredentialClient.Answer) -> Result<String, Failure> {
        let line = String(buffer: answer.body).prefix { !$0.isNewline }
        guard answer.status == 200, !line.isEmpty else {
            return .failure(Failure(.auth, detail: "\(place): status \(answer.status)"))
        }
        return .success(String(line))
    }
}

/// Files that hold a credential or two.
package enum SmallFile {
    /// The text of a file; `nil` when it cannot be read, is too large, or is no UTF-8. It blocks.
    package static func text(_ path: String) -> String? {
        guard let file = try? FileDescriptor.open(FilePath(path), .readOnly) else { return nil }
        defer { try? file.close() }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16 << 10)
        while bytes.count <= AWSProfileFile.maximumSize {
            guard let count = try? chunk.withUnsafeMutableBytes({ try file.read(into: $0) }) else { return nil }
            if count == 0 { return String(validating: bytes, as: UTF8.self) }
            bytes += chunk.prefix(count)
        }
        return nil
    }
}
