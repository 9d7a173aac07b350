import GatehouseCore
import NIOCore
import NIOEmbedded
import Testing

@testable import GatehouseUpstream

/// Connections that died while they rested: at most one more is tried, and never with a request that the provider may
/// have.
@Suite struct DeadConnectionTests {
    /// A pool with one connection that has served once and rests, and the server's end of it.
    private func rested() throws -> (RawServer, PoolRig, RawPeer) {
        let server = try RawServer()
        let rig = try PoolRig(port: server.port)
        let first = rig.start()
        let peer = try server.accept()
        _ = try peer.request()
        peer.answer("first")
        #expect(try first.wait().text == "first")
        return (server, rig, peer)
    }

    enum Farewell: CaseIterable {
        case end, reset, words
    }

    /// The loop is busy while the peer says goodbye, so that only a look at the socket can tell.
    @Test(arguments: Farewell.allCases) func isSeenBeforeItIsUsed(farewell: Farewell) throws {
        let (server, rig, peer) = try rested()
        let held = Held(peer)
        let second = try rig.onLoop { _ in
            switch farewell {
            case .end: held.peer.close()
            case .reset: held.peer.reset()
            case .words: held.peer.write("HTTP/1.1 408 Too Late\r\n\r\n")
            }
            return rig.startNow()
        }
        let fresh = try server.accept()
        _ = try fresh.request()
        fresh.answer("second")
        #expect(try second.wait().text == "second")
    }

    /// Lets a test's peer be used on the loop while the test waits.
    private struct Held: @unchecked Sendable {
        // Guarded by the test itself, which waits for the loop meanwhile.
        let peer: RawPeer
        init(_ peer: RawPeer) { self.peer = peer }
    }

    @Test func aRequestWithAKeyIsRepeatedOnceOnAFreshConnection() throws {
        let (server, rig, peer) = try rested()
        let second = rig.start(mayRepeat: true)
        _ = try peer.request()
        peer.close()
        let fresh = try server.accept()
        _ = try fresh.request()
        fresh.answer("second")
        #expect(try second.wait().text == "second")
    }

    @Test func itIsNotRepeatedTwice() throws {
        let (server, rig, peer) = try rested()
        let second = rig.start(mayRepeat: true)
        _ = try peer.request()
        peer.close()
        let fresh = try server.accept()
        _ = try fresh.request()
        fresh.close()
        let heard = try second.wait()
        #expect(heard.failure?.kind == .unreachable && heard.failure?.isUnsent == false)
        #expect(!server.hasCaller)
    }

    /// The provider has it and may be at work.
    @Test(arguments: [false, true]) func aRequestWithoutAKeyIsNot(resets: Bool) throws {
        let (server, rig, peer) = try rested()
        let second = rig.start()
        _ = try peer.request()
        if resets { peer.reset() } else { peer.close() }
        let heard = try second.wait()
        #expect(heard.failure?.kind == .unreachable && heard.failure?.isUnsent == false)
        #expect(!server.hasCaller)
    }

    /// One byte of an answer shows that the provider was there.
    @Test func whatHasBegunToBeAnsweredIsNotRepeated() throws {
        let (server, rig, peer) = try rested()
        let second = rig.start(mayRepeat: true)
        _ = try peer.request()
        peer.write("H")
        peer.close()
        #expect(try second.wait().failure?.kind == .unreachable)
        #expect(!server.hasCaller)
    }

    @Test func aFreshConnectionThatDiesIsNoReasonToRepeat() throws {
        let server = try RawServer()
        let rig = try PoolRig(port: server.port)
        let only = rig.start(mayRepeat: true)
        let peer = try server.accept()
        _ = try peer.request()
        peer.close()
        #expect(try only.wait().failure?.kind == .unreachable)
        #expect(!server.hasCaller)
    }

    /// What never left cannot have been carried out: no key is needed.
    @Test func whatCouldNotBeWrittenGoesOutOnAnother() throws {
        let opener = Opener()
        let pool = opener.pool()
        _ = opener.start(pool)
        try opener.connect(0)
        try opener.answer(0)
        try opener.breaks(0)
        let second = opener.start(pool)
        // The listener hears nothing before `start` has returned, whatever happens.
        #expect(second.failure == nil)
        opener.loop.run()
        try opener.connect(1)
        try opener.answer(1)
        #expect(second.text == "hi" && second.failure == nil)
    }

    @Test func whatCouldNotBeWrittenIsUnsent() throws {
        let opener = Opener()
        let pool = opener.pool()
        let listener = opener.start(pool)
        try opener.breaks(0)
        try opener.connect(0)
        #expect(listener.failure?.kind == .unreachable && listener.failure?.isUnsent == true)
    }

    /// Linux's numbers (netinet/tcp.h).
    @Test func aSilentPeerIsFoundOut() throws {
        let (_, rig, peer) = try rested()
        let values = try rig.onLoop { pool in
            let options = try #require(pool.restingChannels.first?.syncOptions)
            return try [CInt]([1, 4, 5, 6, 18]).map { try options.getOption(.tcpOption(.init(rawValue: $0))) }
                + [options.getOption(.socketOption(.so_keepalive))]
        }
        #expect(values == [1, 15, 5, 3, 30_000, 1])
        peer.close()
    }
}
