import CryptoExtras
import GatehouseCore
import NIOCore
import Testing

@testable import GatehouseUpstream

@Suite struct GoogleSigningTests {
    private static let key = try? _RSA.Signing.PrivateKey(keySize: .bits2048)

    private func file(tokenURI: String, pem: String? = nil) throws -> Secret {
        let key = try #require(Self.key)
        return Secret(
            JSONValue.object([
                "type": .string("service_account"), "project_id": .string("my-project"),
                "private_key_id": .string("k1"), "private_key": .string(pem ?? key.pkcs8PEMRepresentation),
                "client_email": .string("a@my-project.iam.gserviceaccount.com"), "token_uri": .string(tokenURI),
            ]).text)
    }

    /// The bytes of Base64 for URLs.
    private func bytes(_ text: Substring) -> [UInt8] {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
        var bits = text.flatMap { character in
            let value = alphabet.firstIndex(of: character) ?? 0
            return (0..<6).map { value >> (5 - $0) & 1 }
        }
        bits.removeLast(bits.count % 8)
        return stride(from: 0, to: bits.count, by: 8).map { start in
            UInt8(bits[start..<start + 8].reduce(0) { $0 * 2 + $1 })
        }
    }

    @Test func assertionsAreSignedStatements() throws {
        let account = try GoogleServiceAccount(file: file(tokenURI: "https://oauth2.googleapis.com/token"))
        #expect(account.projectID == "my-project")
        let assertion = try account.assertion(scope: "s", now: 1000).reveal()
        let pieces = assertion.split(separator: ".")
        try #require(pieces.count == 3)
        let header = try JSONValue(parsing: bytes(pieces[0]))
        #expect(header.text == #"{"alg":"RS256","typ":"JWT","kid":"k1"}"#)
        let claims = try JSONValue(parsing: bytes(pieces[1]))
        #expect(
            claims.text
                == #"{"iss":"a@my-project.iam.gserviceaccount.com","scope":"s","#
                + #""aud":"https://oauth2.googleapis.com/token","iat":1000,"exp":4600}"#)
        let signature = _RSA.Signing.RSASignature(rawRepresentation: bytes(pieces[2]))
        let signed = Array("\(pieces[0]).\(pieces[1])".utf8)
        let key = try #require(Self.key).publicKey
        #expect(key.isValidSignature(signature, for: signed, padding: .insecurePKCS1v1_5))
    }

    @Test func tokensAreExchangedOnceAndRenewed() async throws {
        let clock = TestClock()
        let endpoint = try await ScriptedEndpoint { request in
            let isRight = request.body.hasPrefix("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&")
            return isRight ? (200, #"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#) : (400, "")
        }
        let account = try GoogleServiceAccount(file: file(tokenURI: endpoint.url + "/token"))
        let connector = HTTPConnector(origin: account.tokenOrigin, tls: nil, proxy: nil, timeout: .seconds(2))
        let tokens = GoogleTokens(account, connector: connector, eventLoop: endpoint.loop, clock: { clock.now })
        let request = OutgoingRequest(path: "/", host: "h", contentType: "application/json", body: ByteBuffer())
        for _ in 0..<2 {
            let headers = try await result(on: endpoint.loop) {
                tokens.authorize(request, on: endpoint.loop, $0)
            }.get()
            #expect(headers == [AuthorizationHeader("authorization", Secret("Bearer ya29.x"))])
        }
        #expect(endpoint.requests.map(\.path) == ["/token"])
        #expect(endpoint.requests.first?.headers["content-type"] == "application/x-www-form-urlencoded")
        clock.now += 3599
        _ = await result(on: endpoint.loop) { tokens.authorize(request, on: endpoint.loop, $0) }
        #expect(endpoint.requests.count == 2)
        try await endpoint.close()
    }

    @Test(arguments: [
        (401, #"{"error":"invalid_grant"}"#, Failure.Kind.auth), (500, "", .upstream), (200, "{}", .auth),
        (200, #"{"access_token":"a\r\nb"}"#, .auth),
    ])
    func badAnswersAreFailures(status: Int, body: String, kind: Failure.Kind) async throws {
        let endpoint = try await ScriptedEndpoint { _ in (status, body) }
        let account = try GoogleServiceAccount(file: file(tokenURI: endpoint.url + "/token"))
        let connector = HTTPConnector(origin: account.tokenOrigin, tls: nil, proxy: nil, timeout: .seconds(2))
        let tokens = GoogleTokens(account, connector: connector, eventLoop: endpoint.loop, clock: { 1000 })
        let request = OutgoingRequest(path: "/", host: "h", contentType: "application/json", body: ByteBuffer())
        let found = await result(on: endpoint.loop) { tokens.authorize(request, on: endpoint.loop, $0) }
        #expect(throws: Failure.self) { try found.get() }
        if case .failure(let failure) = found { #expect(failure.kind == kind) }
        try await endpoint.close()
    }

    @Test func badFilesAreRefused() throws {
        #expect(throws: GoogleCredentialError.self) { try GoogleServiceAccount(file: Secret("nothing")) }
        #expect(throws: GoogleCredentialError.self) {
            try GoogleServiceAccount(file: Secret(#"{"type":"authorized_user"}"#))
        }
        #expect(throws: GoogleCredentialError.self) {
            try GoogleServiceAccount(file: file(tokenURI: "http://example.org/token"))
        }
        #expect(throws: GoogleCredentialError.self) {
            try GoogleServiceAccount(file: file(tokenURI: "https://oauth2.googleapis.com/token", pem: "x"))
        }
    }
}
