import GatehouseCore
import NIOCore
import NIOPosix
import Testing

@testable import GatehouseUpstream

/// Which of a provider's keys goes out.
@Suite struct ProviderKeyTests {
    private final class Listener: UpstreamReply {
        private let promise: EventLoopPromise<Void>
        init(_ promise: EventLoopPromise<Void>) { self.promise = promise }

        func received(head: UpstreamHead) {}
        func received(bytes: ByteBuffer) {}
        func received(event: CanonicalEvent) {}
        func receivedBatchEnd() {}
        func receivedEnd() { promise.succeed() }
        func failed(_ failure: Failure) { promise.fail(failure) }
    }

    private func upstream(
        _ kind: String, _ url: String, _ credentials: [ProviderAccess.Credential]
    ) throws -> ProviderUpstream {
        let row = try #require(ProviderRow.named(kind))
        let origin = try #require(HTTPOrigin(url))
        return ProviderUpstream(
            name: "p", row: row,
            place: ProviderPlace(row, base: "", region: "eu-west-1", project: nil, apiVersion: nil),
            access: ProviderAccess(credentials: credentials, userAgent: "test"),
            connector: HTTPConnector(origin: origin, tls: nil, proxy: nil, timeout: .seconds(5)),
            timeouts: HTTPTimeouts(), group: MultiThreadedEventLoopGroup.singleton)
    }

    /// The head of the request that goes out for a key.
    private func head(_ upstream: ProviderUpstream, _ server: RawServer, key: Int) throws -> String {
        let wire = try #require(upstream.row.wires.first)
        var request = UpstreamRequest(
            id: "call", lane: .wire(wire), model: "m", stream: false,
            payload: .bytes(ByteBuffer(string: "{}"), JSONSplice()))
        request.key = key
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let ended = loop.makePromise(of: Void.self)
        let sent = request
        loop.execute { _ = upstream.start(sent, on: loop, reply: Listener(ended)) }
        let peer = try server.accept()
        let text = try peer.request()
        peer.write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
        try ended.futureResult.wait()
        return text
    }

    @Test(arguments: [
        ("openai", "authorization: Bearer "), ("anthropic", "x-api-key: "), ("gemini", "x-goog-api-key: "),
        ("azure-openai", "api-key: "), ("ollama", "authorization: Bearer "),
    ])
    func eachKeyHasItsOwnHeader(kind: String, header: String) throws {
        let server = try RawServer()
        let upstream = try upstream(kind, server.url, ["one", "two", "three"].map { .init(key: Secret($0)) })
        for (key, value) in [(0, "one"), (1, "two"), (2, "three"), (3, "one"), (-1, "one")] {
            let head = try head(upstream, server, key: key)
            #expect(head.contains("\r\n\(header)\(value)\r\n"))
            for other in ["one", "two", "three"] where other != value { #expect(!head.contains(other)) }
        }
    }

    @Test func eachKeySignsForItself() throws {
        let server = try RawServer()
        func signer(_ id: String) throws -> AWSRequestSigner {
            let credentials = AWSCredentials(accessKeyID: id, secretAccessKey: Secret("s-\(id)"), sessionToken: nil)
            let provider = AWSCredentialProvider(
                .fixed(credentials), eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
                tls: try HTTPConnector.makeTLSContext(), clock: { 1_440_938_160 })
            return AWSRequestSigner(
                region: "eu-west-1", service: "bedrock", credentials: provider, clock: { 1_440_938_160 })
        }
        let upstream = try upstream(
            "bedrock", server.url,
            [.init(key: nil, authorizer: try signer("AKONE")), .init(key: nil, authorizer: try signer("AKTWO"))])
        #expect(try head(upstream, server, key: 0).contains("Credential=AKONE/"))
        #expect(try head(upstream, server, key: 1).contains("Credential=AKTWO/"))
        #expect(try head(upstream, server, key: 2).contains("Credential=AKONE/"))
    }

    @Test func aProviderWithoutKeysSendsNone() throws {
        let server = try RawServer()
        let upstream = try upstream("openai-compatible", server.url, [])
        #expect(try !head(upstream, server, key: 0).lowercased().contains("authorization"))
    }

    /// A key that may not list the models must not hide them.
    @Test func theListOfModelsIsAskedForWithTheNextKey() async throws {
        let endpoint = try await ScriptedEndpoint { request in
            request.headers["authorization"] == "Bearer good"
                ? (200, #"{"data":[{"id":"m-1"}]}"#) : (401, "{}")
        }
        let upstream = try upstream("openai", endpoint.url, ["bad", "good"].map { .init(key: Secret($0)) })
        #expect(try await upstream.models() == ["m-1"])
        #expect(endpoint.requests.map { $0.headers["authorization"] } == ["Bearer bad", "Bearer good"])
        try await endpoint.close()
    }
}
