import GatehouseCore
import NIOCore
import Testing

@testable import GatehouseUpstream

/// Peers that are reached and do not get through TLS's handshake: nothing was sent, and it is told as what it is.
@Suite struct HandshakeTests {
    enum Answer: CaseIterable {
        case end, reset, plain, alert, half
    }

    @Test(arguments: Answer.allCases) func aHandshakeThatFails(answer: Answer) throws {
        let server = try RawServer()
        let rig = try PoolRig("https://127.0.0.1:\(server.port)", tls: HTTPConnector.makeTLSContext())
        let heard = rig.start()
        let peer = try server.accept()
        try peer.awaitBytes()
        switch answer {
        case .end: peer.close()
        case .reset: peer.reset()
        case .plain: peer.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        // A fatal alert: handshake_failure.
        case .alert: peer.write(bytes: [0x15, 3, 3, 0, 2, 2, 40])
        // The beginning of a greeting, and then the end.
        case .half:
            peer.write(bytes: [0x16, 3, 3, 0, 90, 2, 0, 0, 86, 3, 3])
            peer.close()
        }
        let failure = try heard.wait().failure
        #expect(failure?.kind == .tls && failure?.isUnsent == true)
        #expect(!String(decoding: peer.received(), as: UTF8.self).contains("POST"))
    }

    @Test func aHandshakeThatStalls() throws {
        let server = try RawServer()
        let rig = try PoolRig(
            "https://127.0.0.1:\(server.port)", tls: HTTPConnector.makeTLSContext(), timeout: .milliseconds(50))
        let heard = rig.start()
        let peer = try server.accept()
        let failure = try heard.wait().failure
        #expect(failure?.kind == .timeout(.connect) && failure?.isUnsent == true)
        #expect(peer.seesEnd(), "the connection is not left behind")
    }
}
