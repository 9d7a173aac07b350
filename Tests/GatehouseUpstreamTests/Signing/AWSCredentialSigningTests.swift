import GatehouseCore
import NIOCore
import Testing

@testable import GatehouseUpstream

@Suite struct AWSCredentialSigningTests {
    private static let pair = ["AWS_ACCESS_KEY_ID": "ENV", "AWS_SECRET_ACCESS_KEY": "s"]
    private static let file = "[default]\naws_access_key_id = FILE\naws_secret_access_key = f\n"
    private static let container = ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/v2/x"]

    private func resolve(
        _ environment: [String: String], file: String? = nil, allowsInstance: Bool = false
    ) throws -> AWSCredentialSource? {
        try AWSCredentialSource.resolve(environment: environment, allowsInstance: allowsInstance) { _ in file }
    }

    // MARK: The order

    @Test func theFirstPlaceWithCredentialsIsTaken() throws {
        let all = Self.pair.merging(Self.container) { $1 }.merging(["HOME": "/home/x"]) { $1 }
        let explicit = AWSCredentials(accessKeyID: "CONFIG", secretAccessKey: Secret("c"))
        let first = try AWSCredentialSource.resolve(explicit: explicit, environment: all) { _ in Self.file }
        #expect(first == .fixed(explicit))
        let fromEnvironment = AWSCredentials(accessKeyID: "ENV", secretAccessKey: Secret("s"))
        #expect(try resolve(all, file: Self.file) == .fixed(fromEnvironment))
        var rest = all
        rest["AWS_ACCESS_KEY_ID"] = nil
        rest["AWS_SECRET_ACCESS_KEY"] = ""
        let path = "/home/x/.aws/credentials"
        #expect(try resolve(rest, file: Self.file) == .file(path: path, profile: "default"))
        guard case .container(let endpoint) = try resolve(rest) else {
            Issue.record("no container")
            return
        }
        #expect(endpoint.origin.host == "169.254.170.2" && endpoint.path == "/v2/x" && endpoint.token == .none)
        #expect(try resolve([:]) == nil)
        let usual = try #require(HTTPOrigin("http://169.254.169.254"))
        #expect(try resolve([:], allowsInstance: true) == .instance(usual))
        let other = try #require(HTTPOrigin("http://127.0.0.1:1338"))
        let environment = ["AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1:1338/"]
        #expect(try resolve(environment, allowsInstance: true) == .instance(other))
        #expect(try resolve(environment) == nil)
        #expect(try resolve(["AWS_EC2_METADATA_DISABLED": "true"], allowsInstance: true) == nil)
    }

    @Test func whatIsSetAndUnusableIsAnError() {
        #expect(throws: AWSCredentialError.self) { try resolve(["AWS_ACCESS_KEY_ID": "a"]) }
        #expect(throws: AWSCredentialError.self) { try resolve(["AWS_SECRET_ACCESS_KEY": "a"]) }
        #expect(throws: AWSCredentialError.self) {
            try resolve(Self.pair.merging(["AWS_SESSION_TOKEN": "a\r\nb: c"]) { $1 })
        }
        #expect(throws: AWSCredentialError.self) {
            try resolve(["AWS_PROFILE": "work", "HOME": "/h"], file: Self.file)
        }
        #expect(throws: AWSCredentialError.self) {
            try resolve(["HOME": "/h"], file: "[default]\naws_access_key_id = X\n")
        }
        #expect(throws: AWSCredentialError.self) { try resolve(["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "x"]) }
    }

    @Test(arguments: [
        ("https://creds.example.org/a", true), ("http://127.0.0.1:5/a", true), ("http://localhost/a", true),
        ("http://169.254.170.23/v1/credentials", true), ("http://[fd00:ec2::23]/v1", true), ("http://[::1]/", true),
        ("http://169.254.169.254/latest", false), ("http://example.org/a", false),
        ("http://127.0.0.1.evil.org/", false),
        ("ftp://127.0.0.1/", false), ("http://127.0.0.1@evil.org/", false), ("http://10.0.0.1/", false),
    ])
    func onlyTrustedAddressesAreAsked(url: String, isTrusted: Bool) {
        let source = try? resolve(["AWS_CONTAINER_CREDENTIALS_FULL_URI": url])
        #expect((source != nil) == isTrusted)
    }

    @Test func secretsAreNotPrinted() {
        let credentials = AWSCredentials(
            accessKeyID: "ID", secretAccessKey: Secret("hush"), sessionToken: Secret("whisper"))
        #expect(!"\(credentials)\(String(reflecting: credentials))".contains("hush"))
        #expect(!"\(AWSCredentialSource.fixed(credentials))".contains("whisper"))
    }

    // MARK: The file

    @Test func profilesAreRead() throws {
        let text = """
            # mine
            aws_access_key_id = NOBODY
            [default]
            aws_access_key_id=A1
            aws_secret_access_key = a/b+c=#d ; a comment
            s3 =
              aws_secret_access_key = nested
            [ work ] # comment
            AWS_ACCESS_KEY_ID = W1 \r
            aws_secret_access_key\t=\tw
            aws_session_token = tok
            [empty]
            region = x
            [broken
            """
        let file = AWSProfileFile(text)
        #expect(
            try file.credentials("default")
                == AWSCredentials(accessKeyID: "A1", secretAccessKey: Secret("a/b+c=#d")))
        #expect(
            try file.credentials("work")
                == AWSCredentials(accessKeyID: "W1", secretAccessKey: Secret("w"), sessionToken: Secret("tok")))
        #expect(try file.credentials("empty") == nil)
        #expect(try file.credentials("none") == nil)
    }

    // MARK: Endpoints

    private static func answer(_ id: String, _ expires: String) -> String {
        #"{"Code":"Success","AccessKeyId":"\#(id)","SecretAccessKey":"s","Token":"t","Expiration":"\#(expires)"}"#
    }

    private func provider(
        _ source: AWSCredentialSource, _ endpoint: ScriptedEndpoint, _ clock: TestClock
    ) throws -> AWSCredentialProvider {
        try AWSCredentialProvider(
            source, eventLoop: endpoint.loop, tls: HTTPConnector.makeTLSContext(),
            clock: { clock.now })
    }

    @Test func theContainersEndpointIsAskedOnce() async throws {
        let clock = TestClock()
        let endpoint = try await ScriptedEndpoint { _ in (200, Self.answer("C1", "2015-08-30T13:36:00Z")) }
        let source = try #require(
            try resolve([
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url + "/creds",
                "AWS_CONTAINER_AUTHORIZATION_TOKEN": "secret token",
            ]))
        let provider = try provider(source, endpoint, clock)
        for _ in 0..<3 {
            let credentials = try await result(on: endpoint.loop) { provider.get(on: endpoint.loop, $0) }.get()
            #expect(credentials.accessKeyID == "C1")
            #expect(credentials.sessionToken == Secret("t"))
            #expect(credentials.expiresAt == 1_440_941_760)
        }
        #expect(endpoint.requests.map(\.path) == ["/creds"])
        #expect(endpoint.requests.first?.headers["authorization"] == "secret token")
        try await endpoint.close()
    }

    @Test func theInstancesEndpointIsAskedWithAToken() async throws {
        let endpoint = try await ScriptedEndpoint { request in
            switch (request.method, request.path) {
            case ("PUT", "/latest/api/token"): (200, "tok\n")
            case ("GET", "/latest/meta-data/iam/security-credentials/"): (200, "my-role\nother")
            case ("GET", "/latest/meta-data/iam/security-credentials/my-role"):
                (200, Self.answer("I1", "2015-08-30T18:00:00Z"))
            default: (404, "")
            }
        }
        let provider = try provider(.instance(try #require(HTTPOrigin(endpoint.url))), endpoint, TestClock())
        let credentials = try await result(on: endpoint.loop) { provider.get(on: endpoint.loop, $0) }.get()
        #expect(credentials.accessKeyID == "I1")
        #expect(endpoint.requests.map { $0.headers["x-aws-ec2-metadata-token"] } == [nil, "tok", "tok"])
        try await endpoint.close()
    }

    @Test(arguments: [
        (403, "{}"), (200, "{}"), (200, "not json"),
        (200, #"{"Code":"Failed","AccessKeyId":"a","SecretAccessKey":"b"}"#),
        (200, #"{"AccessKeyId":"a b","SecretAccessKey":"b"}"#),
    ])
    func badAnswersAreFailures(status: Int, body: String) async throws {
        let endpoint = try await ScriptedEndpoint { _ in (status, body) }
        let source = try #require(try resolve(["AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url]))
        let provider = try provider(source, endpoint, TestClock())
        let found = await result(on: endpoint.loop) { provider.get(on: endpoint.loop, $0) }
        guard case .failure(let failure) = found else {
            Issue.record("it succeeded")
            return
        }
        #expect(failure.kind == .auth)
        try await endpoint.close()
    }

    @Test func endlessAnswersAreCut() async throws {
        let endpoint = try await ScriptedEndpoint { _ in (200, String(repeating: "x", count: 100_000)) }
        let source = try #require(try resolve(["AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url]))
        let provider = try provider(source, endpoint, TestClock())
        let found = await result(on: endpoint.loop) { provider.get(on: endpoint.loop, $0) }
        guard case .failure(let failure) = found else {
            Issue.record("it succeeded")
            return
        }
        #expect(failure.kind == .outputTooLarge)
        try await endpoint.close()
    }

    @Test func requestsAreSignedWithWhatIsFound() async throws {
        let endpoint = try await ScriptedEndpoint { _ in (200, Self.answer("C1", "2015-08-30T13:36:00Z")) }
        let source = try #require(try resolve(["AWS_CONTAINER_CREDENTIALS_FULL_URI": endpoint.url]))
        let clock = TestClock()
        let signer = AWSRequestSigner(
            region: "eu-west-1", service: "bedrock", credentials: try provider(source, endpoint, clock),
            clock: { clock.now })
        let request = OutgoingRequest(
            path: "/model/x/converse", host: "h", contentType: "application/json", body: ByteBuffer(string: "{}"))
        let headers = try await result(on: endpoint.loop) {
            signer.authorize(request, on: endpoint.loop, $0)
        }.get()
        #expect(headers.map(\.name) == ["x-amz-date", "x-amz-security-token", "authorization"])
        let scope = "Credential=C1/20150830/eu-west-1/bedrock/aws4_request"
        #expect(headers.last?.value.reveal().contains(scope) == true)
        try await endpoint.close()
    }
}
