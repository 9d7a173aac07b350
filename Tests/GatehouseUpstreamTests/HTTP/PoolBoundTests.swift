import GatehouseCore
import NIOCore
import NIOEmbedded
import Testing

@testable import GatehouseUpstream

/// How many connections a pool makes and keeps, whatever its callers do.
@Suite struct PoolBoundTests {
    private let opener = Opener()

    @Test func aProviderThatAcceptsNothingTakesFewSockets() throws {
        let pool = opener.pool()
        let calls = (0..<1000).map { _ in opener.start(pool) }
        #expect(opener.channels.count == SocketBudget.fewest)
        // Each that is refused makes room for the next.
        for index in 0..<1000 { opener.refuse(index) }
        #expect(opener.channels.count == 1000)
        #expect(calls.allSatisfy { $0.failure?.kind == .unreachable && $0.failure?.isUnsent == true })
        #expect(pool.waitingCounts == (0, 0))
    }

    /// Callers that give up at once, again and again: one socket waits for all of them.
    @Test func callersThatComeAndGoPileUpNothing() throws {
        let pool = opener.pool()
        for _ in 0..<10_000 { opener.start(pool).attempt?.cancel() }
        #expect(opener.channels.count == 1 && pool.waitingCounts == (0, 1))
        let last = opener.start(pool)
        try opener.connect(0)
        #expect(try opener.hasRequest(0))
        try opener.answer(0)
        #expect(last.hasEnded && last.failure == nil)
    }

    /// What was begun for another has its own time.
    @Test func aFailureOfWhatWasBegunForAnotherIsNotTold() throws {
        let pool = opener.pool()
        opener.start(pool).attempt?.cancel()
        let second = opener.start(pool)
        #expect(opener.channels.count == 1)
        opener.refuse(0)
        #expect(second.failure == nil && opener.channels.count == 2)
        opener.refuse(1)
        #expect(second.failure?.kind == .unreachable)
    }

    @Test func whoHasWaitedLongestGetsWhatIsFreeFirst() throws {
        let pool = opener.pool()
        let first = opener.start(pool)
        try opener.connect(0)
        #expect(try opener.hasRequest(0))
        let (second, third) = (opener.start(pool), opener.start(pool))
        #expect(opener.channels.count == 3)
        try opener.answer(0)
        #expect(first.hasEnded)
        // It goes on with the second, whose own connection then serves the third.
        #expect(try opener.hasRequest(0))
        try opener.answer(0)
        #expect(second.hasEnded && !third.hasEnded)
        #expect(try opener.hasRequest(0))
        try opener.answer(0)
        #expect(third.hasEnded)
        try opener.connect(1)
        try opener.connect(2)
        let isUsed = try [opener.hasRequest(1), opener.hasRequest(2)]
        #expect(isUsed == [false, false])
        #expect(pool.waitingCounts == (0, 0) && pool.restingChannels.count == 3)
    }

    @Test func whoWaitsBehindOthersWaitsNoLonger() throws {
        let pool = opener.pool()
        let timeouts = HTTPTimeouts(connect: .seconds(2))
        let calls = (0..<SocketBudget.fewest + 1).map { _ in opener.start(pool, timeouts: timeouts) }
        opener.loop.advanceTime(by: .seconds(1))
        #expect(calls.last?.failure == nil)
        opener.loop.advanceTime(by: .seconds(2))
        #expect(calls.last?.failure?.kind == .timeout(.connect) && calls.last?.failure?.isUnsent == true)
    }

    @Test func aBurstLeavesFewConnectionsBehind() throws {
        let pool = opener.pool()
        let count = HTTPLoopPool.maximumIdle + 50
        let calls = (0..<count).map { _ in opener.start(pool) }
        for index in 0..<count { try opener.connect(index) }
        for index in 0..<count { try opener.answer(index) }
        #expect(calls.allSatisfy { $0.hasEnded })
        #expect(pool.restingChannels.count == HTTPLoopPool.maximumIdle)
        #expect(opener.activeChannels == HTTPLoopPool.maximumIdle)
        // And those end as well.
        opener.loop.advanceTime(by: .seconds(51))
        #expect(pool.restingChannels.isEmpty && opener.activeChannels == 0)
    }

    /// A caller whose own connection is full must not be read for, from the first byte on; and no timer runs meanwhile.
    @Test func nothingIsReadForWhoTakesNothing() throws {
        let pool = opener.pool()
        let call = opener.start(pool, timeouts: HTTPTimeouts(firstByte: .seconds(1)))
        call.attempt?.setReading(false)
        try opener.connect(0)
        let isRead = opener.channels[0].options.last { $0.0 is ChannelOptions.Types.AutoReadOption }?.1 as? Bool
        #expect(isRead == false)
        opener.loop.advanceTime(by: .seconds(5))
        #expect(call.failure == nil)
        call.attempt?.setReading(true)
        opener.loop.advanceTime(by: .seconds(5))
        #expect(call.failure?.kind == .timeout(.firstByte))
    }

    /// Who takes bytes now and then does not give a silent provider more time each time.
    @Test func patienceGoesOnWhereItStopped() throws {
        let pool = opener.pool()
        let call = opener.start(pool, timeouts: HTTPTimeouts(firstByte: .seconds(10)))
        try opener.connect(0)
        for _ in 0..<3 {
            opener.loop.advanceTime(by: .seconds(3))
            call.attempt?.setReading(false)
            opener.loop.advanceTime(by: .seconds(60))
            #expect(call.failure == nil)
            call.attempt?.setReading(true)
        }
        // Nine of ten seconds are gone.
        opener.loop.advanceTime(by: .seconds(2))
        #expect(call.failure?.kind == .timeout(.firstByte))
    }

    /// What came while nobody read is heard before anybody says that nothing came.
    @Test func whatHasComeIsHeardBeforePatienceEnds() throws {
        let pool = opener.pool()
        let call = opener.start(pool, timeouts: HTTPTimeouts(firstByte: .seconds(10)))
        try opener.connect(0)
        opener.loop.advanceTime(by: .milliseconds(9950))
        call.attempt?.setReading(false)
        opener.loop.advanceTime(by: .seconds(60))
        call.attempt?.setReading(true)
        opener.loop.advanceTime(by: .milliseconds(500))
        #expect(call.failure == nil)
        try opener.answer(0)
        #expect(call.hasEnded)
    }

    // MARK: Sockets of all upstreams together

    private func rig(_ server: RawServer, _ sockets: SocketBudget) throws -> PoolRig {
        try PoolRig(server.url, sockets: sockets)
    }

    @Test func noMoreSocketsThanThereAre() throws {
        let (one, other) = (try RawServer(), try RawServer())
        let sockets = SocketBudget(limit: 1)
        let (first, second) = (try rig(one, sockets), try rig(other, sockets))
        let served = first.start()
        let peer = try one.accept()
        _ = try peer.request()
        let refused = try second.start().wait()
        #expect(refused.failure?.kind == .busy && refused.failure?.isUnsent == true)
        peer.answer("one")
        #expect(try served.wait().text == "one")
        // The last socket does not rest: another may need it.
        #expect(peer.seesEnd())
        // The peer sees the end while the loop is still closing; the socket is given back one turn of the loop later.
        try first.onLoop { _ in }
        try first.onLoop { _ in }
        let later = second.start()
        let next = try other.accept()
        _ = try next.request()
        next.answer("other")
        #expect(try later.wait().text == "other")
    }

    /// A connection that is refused gives its socket back.
    @Test func whatIsRefusedTakesNoSocket() throws {
        let server = try RawServer()
        let sockets = SocketBudget(limit: 2)
        let lost = try PoolRig("http://127.0.0.77:\(server.port)", sockets: sockets)
        for _ in 0..<20 { #expect(try lost.start().wait().failure?.kind == .unreachable) }
        let served = try rig(server, sockets).start()
        let peer = try server.accept()
        _ = try peer.request()
        peer.answer("here")
        #expect(try served.wait().text == "here")
    }
}
