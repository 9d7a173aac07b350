import GatehouseCore
import NIOEmbedded
import Synchronization
import Testing

@testable import GatehouseUpstream

@Suite struct RenewingCredentialSigningTests {
    private final class Fetches: Sendable {
        typealias Receiver = @Sendable (Result<RenewingCredential<Int>.Lease, Failure>) -> Void
        private let receivers = Mutex<[Receiver]>([])

        var count: Int { receivers.withLock { $0.count } }
        func add(_ receiver: @escaping Receiver) { receivers.withLock { $0.append(receiver) } }

        func answer(_ value: Int, until: Int?) {
            receivers.withLock { $0.last }?(.success(.init(value: value, expiresAt: until)))
        }

        func fail(_ kind: Failure.Kind) { receivers.withLock { $0.last }?(.failure(Failure(kind))) }
    }

    private let clock = TestClock()
    private let fetches = Fetches()
    private let loop = EmbeddedEventLoop()
    private let credential: RenewingCredential<Int>

    init() {
        let (clock, fetches) = (clock, fetches)
        credential = RenewingCredential(renewBefore: 300, clock: { clock.now }) { fetches.add($0) }
        clock.now = 1000
    }

    /// What is given at once; `nil` when it is not.
    private func now() -> Result<Int, Failure>? {
        var found: Result<Int, Failure>?
        credential.get(on: loop) { found = $0 }
        return found
    }

    @Test func manyWaitForOneFetch() {
        var found: [Int] = []
        for _ in 0..<5 { credential.get(on: loop) { found.append((try? $0.get()) ?? -1) } }
        #expect(fetches.count == 1 && found.isEmpty)
        fetches.answer(7, until: 5000)
        #expect(found.isEmpty)
        loop.run()
        #expect(found == [7, 7, 7, 7, 7])
        #expect(now() == .success(7))
        #expect(fetches.count == 1)
    }

    @Test func itIsRenewedBeforeItsEndWithoutWaiting() {
        _ = now()
        fetches.answer(1, until: 2000)
        clock.now = 1699
        #expect(now() == .success(1) && fetches.count == 1)
        clock.now = 1700
        #expect(now() == .success(1) && fetches.count == 2)
        #expect(now() == .success(1) && fetches.count == 2)
        fetches.answer(2, until: 5000)
        #expect(now() == .success(2))
    }

    @Test func whatHoldsStillIsUsedWhileRenewalFails() {
        _ = now()
        fetches.answer(1, until: 2000)
        clock.now = 1800
        _ = now()
        fetches.fail(.unreachable)
        #expect(now() == .success(1) && fetches.count == 2)
        clock.now = 1802
        #expect(now() == .success(1) && fetches.count == 3)
        fetches.fail(.unreachable)
        clock.now = 1971
        #expect(now() == nil && fetches.count == 4)
    }

    @Test func failuresAreToldAndNotAskedForAgainAtOnce() {
        var found: Result<Int, Failure>?
        credential.get(on: loop) { found = $0 }
        fetches.fail(.auth)
        loop.run()
        #expect(found == .failure(Failure(.auth)))
        #expect(now() == .failure(Failure(.auth)) && fetches.count == 1)
        clock.now = 1002
        #expect(now() == nil && fetches.count == 2)
    }

    /// A host whose clock is ahead gets credentials that seem to have ended.
    @Test func aWrongClockDoesNotAskForEveryRequest() {
        _ = now()
        fetches.answer(1, until: 500)
        #expect(now() == .success(1) && fetches.count == 1)
        clock.now = 1060
        #expect(now() == nil && fetches.count == 2)
    }

    @Test func whatDoesNotEndIsNotRenewed() {
        _ = now()
        fetches.answer(1, until: nil)
        clock.now = .max - 1
        #expect(now() == .success(1) && fetches.count == 1)
    }
}
