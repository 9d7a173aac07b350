import GatehouseCore
import GatehouseUpstream
import Testing

@Suite struct PoolMachineTests {
    typealias Owner = PoolMachine.Owner

    private static func pool(_ change: (inout PoolMachine.Settings) -> Void = { _ in }) -> PoolMachine {
        var settings = PoolMachine.Settings()
        settings.maximum = 2
        settings.queue = 2
        change(&settings)
        return PoolMachine(settings)
    }

    private static func at(_ seconds: Int) -> Instant { Instant(nanoseconds: 0) + .seconds(seconds) }

    private let ann = Owner(tenant: "ann")
    private let bob = Owner(tenant: "bob")

    private static func full(_ retryAfter: Int = 1) -> Failure {
        Failure(.busy, detail: "the queue is full", retryAfter: retryAfter)
    }

    // MARK: Reuse and tenants

    @Test func theSecondTurnFindsTheProcessOfTheFirst() {
        var pool = Self.pool()
        #expect(pool.handle(.want(.init(1, ann)), now: Self.at(0)) == [.start(1, ann)])
        #expect(pool.handle(.ready(1), now: Self.at(5)) == [.give(1, 1)])
        #expect(pool.handle(.over(1), now: Self.at(6)) == [])
        #expect(pool.counts.idle == 1)
        #expect(pool.handle(.want(.init(2, ann)), now: Self.at(7)) == [.give(2, 1)])
    }

    @Test func aProcessIsNeverSharedBetweenTenants() {
        var pool = Self.pool()
        _ = pool.handle(.want(.init(1, ann)), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        _ = pool.handle(.over(1), now: Self.at(1))
        #expect(pool.handle(.want(.init(2, bob)), now: Self.at(2)) == [.start(2, bob)])
        #expect(pool.handle(.ready(2), now: Self.at(3)) == [.give(2, 2)])
        // Nor between models or accounts of one.
        let other = Owner(tenant: "ann", model: "other")
        #expect(pool.handle(.want(.init(3, other)), now: Self.at(4)) == [.end(1)])
        #expect(pool.handle(.gone(1), now: Self.at(5)) == [.start(3, other)])
        #expect(pool.handle(.ready(3), now: Self.at(6)) == [.give(3, 3)])
    }

    /// A free process of somebody else makes room; a busy one does not.
    @Test func makesRoomForTheNext() {
        var pool = Self.pool { $0.maximum = 1 }
        _ = pool.handle(.want(.init(1, ann)), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        #expect(pool.handle(.want(.init(2, bob)), now: Self.at(1)) == [])
        #expect(pool.handle(.over(1), now: Self.at(2)) == [.end(1)])
        #expect(pool.handle(.want(.init(3, ann)), now: Self.at(2)) == [])
        #expect(pool.handle(.gone(1), now: Self.at(3)) == [.start(2, bob)])
        #expect(pool.handle(.ready(2), now: Self.at(4)) == [.give(2, 2)])
    }

    // MARK: Accounts

    private static func accounts(_ places: [String: Int], minimum: Int = 0) -> PoolMachine {
        var settings = PoolMachine.Settings()
        settings.maximum = 4
        settings.minimum = minimum
        return PoolMachine(settings, account: "a", places: places)
    }

    private let annAtA = Owner(tenant: "ann", account: "a")
    private let bobAtA = Owner(tenant: "bob", account: "a")
    private let bobAtB = Owner(tenant: "bob", account: "b")

    /// A login is good for so many processes, whoever they serve, and an idle one still holds it.
    @Test func anAccountHasNoMoreProcessesThanPlaces() {
        var pool = Self.accounts(["a": 1])
        _ = pool.handle(.want(.init(1, annAtA)), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        _ = pool.handle(.over(1), now: Self.at(1))
        #expect(pool.handle(.want(.init(2, bobAtA)), now: Self.at(2)) == [.end(1)])
        #expect(pool.handle(.tick, now: Self.at(3)) == [])
        #expect(pool.handle(.gone(1), now: Self.at(4)) == [.start(2, bobAtA)])
    }

    /// Only what has the account makes room at it.
    @Test func othersNeedNotGoForAnAccount() {
        var pool = Self.accounts(["a": 1])
        _ = pool.handle(.want(.init(1, bobAtB)), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        _ = pool.handle(.over(1), now: Self.at(1))
        _ = pool.handle(.want(.init(2, annAtA)), now: Self.at(2))
        _ = pool.handle(.ready(2), now: Self.at(2))
        #expect(pool.handle(.want(.init(3, bobAtA)), now: Self.at(3)) == [], "the one at b is left alone")
        #expect(pool.handle(.over(2), now: Self.at(4)) == [.end(2)])
        #expect(pool.handle(.gone(2), now: Self.at(5)) == [.start(3, bobAtA)])
        #expect(pool.counts.idle == 1)
    }

    @Test func sparesTakeNoPlaceThatIsNotThere() {
        var pool = Self.accounts(["a": 1], minimum: 2)
        #expect(pool.handle(.tick, now: Self.at(0)) == [.start(1, nil)])
        _ = pool.handle(.ready(1), now: Self.at(0))
        #expect(pool.handle(.want(.init(1, annAtA)), now: Self.at(1)) == [.give(1, 1)])
    }

    /// Somebody is to be alone with an account: what is free ends now, the rest behind its turn.
    @Test func anAccountIsVacated() {
        var pool = Self.accounts(["a": 4])
        _ = pool.handle(.want(.init(1, annAtA)), now: Self.at(0))
        _ = pool.handle(.want(.init(2, bobAtA)), now: Self.at(0))
        _ = pool.handle(.want(.init(3, bobAtB)), now: Self.at(0))
        for id in 1...3 { _ = pool.handle(.ready(id), now: Self.at(0)) }
        _ = pool.handle(.over(1), now: Self.at(1))
        _ = pool.handle(.over(3), now: Self.at(1))
        #expect(pool.handle(.vacate(account: "a"), now: Self.at(2)) == [.end(1)])
        #expect(pool.handle(.over(2), now: Self.at(3)) == [.end(2)])
        #expect(pool.counts.idle == 1 && pool.counts.ending == 2)
    }

    /// What was stopped is given to nobody; a turn that it has is its own timers' matter.
    @Test func whatWouldNotAnswerIsGivenToNobody() {
        var pool = Self.pool()
        _ = pool.handle(.want(.init(1, ann)), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        #expect(pool.handle(.unwell(1), now: Self.at(1)) == [])
        #expect(pool.handle(.over(1), now: Self.at(2)) == [.end(1)])
        _ = pool.handle(.want(.init(2, ann)), now: Self.at(3))
        _ = pool.handle(.ready(2), now: Self.at(3))
        _ = pool.handle(.over(2), now: Self.at(3))
        #expect(pool.handle(.unwell(2), now: Self.at(4)) == [.end(2)])
    }

    @Test func whatStartsWhileItIsVacatedEndsAsWell() {
        var pool = Self.accounts([:], minimum: 1)
        _ = pool.handle(.tick, now: Self.at(0))
        _ = pool.handle(.vacate(account: "a"), now: Self.at(1))
        #expect(pool.handle(.ready(1), now: Self.at(2)) == [.end(1)])
    }

    // MARK: Spares

    @Test func keepsSparesForWhoeverComes() {
        var pool = Self.pool { $0.minimum = 1 }
        #expect(pool.handle(.tick, now: Self.at(0)) == [.start(1, nil)])
        #expect(pool.handle(.ready(1), now: Self.at(1)) == [])
        // It is bob's from now on, and another takes its place.
        #expect(pool.handle(.want(.init(1, bob)), now: Self.at(2)) == [.give(1, 1), .start(2, nil)])
        #expect(pool.handle(.over(1), now: Self.at(3)) == [])
        #expect(pool.handle(.ready(2), now: Self.at(3)) == [])
        #expect(pool.handle(.want(.init(2, ann)), now: Self.at(4)) == [.give(2, 2)])
        #expect(pool.handle(.want(.init(3, bob)), now: Self.at(4)) == [.give(3, 1)])
    }

    @Test func aSpareIsOfNoUseForAnotherModel() {
        var pool = Self.pool { $0.minimum = 1 }
        _ = pool.handle(.tick, now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        let owner = Owner(tenant: "ann", model: "other")
        #expect(pool.handle(.want(.init(1, owner)), now: Self.at(1)) == [.start(2, owner)])
    }

    /// Whoever waits takes a spare that is on its way instead of one of its own.
    @Test func waitsForASpareThatIsComing() {
        var pool = Self.pool { $0.minimum = 1 }
        _ = pool.handle(.tick, now: Self.at(0))
        #expect(pool.handle(.want(.init(1, ann)), now: Self.at(1)) == [])
        #expect(pool.handle(.ready(1), now: Self.at(2)) == [.give(1, 1), .start(2, nil)])
    }

    // MARK: Queue

    @Test func theQueueIsServedInOrder() {
        var pool = Self.pool { $0.maximum = 1 }
        _ = pool.handle(.want(.init(1, ann)), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        #expect(pool.handle(.want(.init(2, ann)), now: Self.at(1)) == [])
        #expect(pool.handle(.want(.init(3, ann)), now: Self.at(1)) == [])
        #expect(pool.handle(.want(.init(4, ann)), now: Self.at(1)) == [.refuse(4, Self.full(3))])
        #expect(pool.handle(.over(1), now: Self.at(2)) == [.give(2, 1)])
        #expect(pool.handle(.over(1), now: Self.at(3)) == [.give(3, 1)])
        #expect(pool.counts.queued == 0)
    }

    @Test func whoLeavesIsNotServed() {
        var pool = Self.pool { $0.maximum = 1 }
        _ = pool.handle(.want(.init(1, ann)), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        _ = pool.handle(.want(.init(2, ann)), now: Self.at(1))
        _ = pool.handle(.want(.init(3, ann)), now: Self.at(1))
        #expect(pool.handle(.leave(2), now: Self.at(1)) == [])
        #expect(pool.handle(.over(1), now: Self.at(2)) == [.give(3, 1)])
    }

    @Test func whoWaitsTooLongIsRefused() {
        var pool = Self.pool { $0.maximum = 1 }
        _ = pool.handle(.want(.init(1, ann)), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        _ = pool.handle(.want(.init(2, ann)), now: Self.at(1))
        #expect(pool.handle(.tick, now: Self.at(60)) == [])
        let vain = Failure(.busy, detail: "waited in vain", retryAfter: 1)
        #expect(pool.handle(.tick, now: Self.at(61)) == [.refuse(2, vain)])
    }

    /// Turns for which a process is being started do not fill the queue.
    @Test func aQueueOfNothingServesWhatCanBeServed() {
        var pool = Self.pool { $0.queue = 0 }
        #expect(pool.handle(.want(.init(1, ann)), now: Self.at(0)) == [.start(1, ann)])
        #expect(pool.handle(.want(.init(2, bob)), now: Self.at(0)) == [.start(2, bob)])
        #expect(pool.handle(.want(.init(3, bob)), now: Self.at(0)) == [.refuse(3, Self.full(2))])
        #expect(pool.handle(.ready(2), now: Self.at(1)) == [.give(2, 2)])
        #expect(pool.handle(.ready(1), now: Self.at(1)) == [.give(1, 1)])
    }

    // MARK: Ends

    @Test func endsWhatIsIdleOrOld() {
        var pool = Self.pool { $0.age = .seconds(1000) }
        _ = pool.handle(.want(.init(1, ann)), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        _ = pool.handle(.over(1), now: Self.at(10))
        #expect(pool.handle(.tick, now: Self.at(309)) == [])
        #expect(pool.handle(.tick, now: Self.at(310)) == [.end(1)])
        #expect(pool.handle(.tick, now: Self.at(311)) == [])
        #expect(pool.handle(.gone(1), now: Self.at(312)) == [])
        _ = pool.handle(.want(.init(2, ann)), now: Self.at(400))
        _ = pool.handle(.ready(2), now: Self.at(400))
        #expect(pool.handle(.tick, now: Self.at(1500)) == [])
        #expect(pool.handle(.over(2), now: Self.at(1500)) == [.end(2)])
    }

    @Test func endsAfterSoManyTurns() {
        var pool = Self.pool { $0.turns = 2 }
        _ = pool.handle(.want(.init(1, ann)), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        #expect(pool.handle(.over(1), now: Self.at(1)) == [])
        #expect(pool.handle(.want(.init(2, ann)), now: Self.at(1)) == [.give(2, 1)])
        #expect(pool.handle(.over(1), now: Self.at(2)) == [.end(1)])
        #expect(pool.handle(.want(.init(3, ann)), now: Self.at(2)) == [.start(2, ann)])
    }

    @Test func endsWhatHasGrownTooLarge() {
        var pool = Self.pool { $0.memory = 1000 }
        _ = pool.handle(.want(.init(1, ann)), now: Self.at(0))
        #expect(pool.handle(.measured(1, 5000), now: Self.at(0)) == [])
        _ = pool.handle(.ready(1), now: Self.at(0))
        #expect(pool.handle(.measured(1, 1001), now: Self.at(1)) == [])
        #expect(pool.handle(.over(1), now: Self.at(2)) == [.end(1)])
        _ = pool.handle(.gone(1), now: Self.at(2))
        _ = pool.handle(.want(.init(2, ann)), now: Self.at(3))
        _ = pool.handle(.ready(2), now: Self.at(3))
        _ = pool.handle(.over(2), now: Self.at(4))
        #expect(pool.handle(.measured(2, 1000), now: Self.at(5)) == [])
        #expect(pool.handle(.measured(2, 1001), now: Self.at(5)) == [.end(2)])
        #expect(pool.handle(.measured(9, 9999), now: Self.at(5)) == [])
    }

    @Test func replacesAProcessThatDied() {
        var pool = Self.pool()
        _ = pool.handle(.want(.init(1, ann)), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        #expect(pool.handle(.spent(1), now: Self.at(1)) == [.end(1)])
        #expect(pool.handle(.want(.init(2, ann)), now: Self.at(1)) == [.start(2, ann)])
        _ = pool.handle(.gone(1), now: Self.at(2))
        _ = pool.handle(.ready(2), now: Self.at(3))
        _ = pool.handle(.over(2), now: Self.at(4))
        // While nobody used it.
        #expect(pool.handle(.spent(2), now: Self.at(5)) == [])
        #expect(pool.handle(.want(.init(3, ann)), now: Self.at(5)) == [.start(3, ann)])
    }

    @Test func aProcessForOneTurn() {
        let once = Owner(tenant: "ann", conversation: .once)
        var pool = Self.pool()
        #expect(pool.handle(.want(.init(1, once)), now: Self.at(0)) == [.start(1, once)])
        #expect(pool.handle(.ready(1), now: Self.at(1)) == [.give(1, 1)])
        #expect(pool.handle(.over(1), now: Self.at(2)) == [.end(1)])
        #expect(pool.handle(.want(.init(2, once)), now: Self.at(2)) == [.start(2, once)])
    }

    // MARK: The breaker

    private static let broken: Failure = {
        var failure = Failure(.timeout(.connect), detail: "no answer")
        failure.isUnsent = true
        return failure
    }()

    @Test func aHandshakeThatFails() {
        var pool = Self.pool()
        _ = pool.handle(.want(.init(1, ann)), now: Self.at(0))
        _ = pool.handle(.want(.init(2, ann)), now: Self.at(0))
        #expect(pool.handle(.failed(1, Self.broken), now: Self.at(1)) == [.refuse(1, Self.broken)])
        #expect(pool.handle(.ready(2), now: Self.at(2)) == [.give(2, 2)])
        #expect(pool.failedHandshakes == 1)
    }

    @Test func stopsTryingAfterThree() {
        var pool = Self.pool { $0.maximum = 3 }
        for turn in 1...3 {
            #expect(pool.handle(.want(.init(turn, ann)), now: Self.at(turn)) == [.start(turn, ann)])
            #expect(pool.handle(.failed(turn, Self.broken), now: Self.at(turn)) == [.refuse(turn, Self.broken)])
            #expect(pool.handle(.gone(turn), now: Self.at(turn)) == [])
        }
        var resting = Self.broken
        resting.retryAfter = 9
        #expect(pool.handle(.want(.init(4, ann)), now: Self.at(4)) == [.refuse(4, resting)])
        // After the pause one is tried, and only one.
        #expect(pool.handle(.want(.init(5, ann)), now: Self.at(13)) == [.start(4, ann)])
        #expect(pool.handle(.want(.init(6, bob)), now: Self.at(13)).count == 1)
        #expect(pool.counts.starting == 1)
        // It fails as well: the next pause is twice as long.
        #expect(pool.handle(.failed(4, Self.broken), now: Self.at(14)) == [.refuse(5, Self.broken)])
        _ = pool.handle(.gone(4), now: Self.at(14))
        resting.retryAfter = 20
        #expect(pool.handle(.want(.init(7, ann)), now: Self.at(14)) == [.refuse(7, resting)])
        #expect(pool.handle(.want(.init(8, ann)), now: Self.at(34)) == [.start(5, ann)])
        #expect(pool.handle(.ready(5), now: Self.at(35)) == [.give(8, 5)])
        #expect(pool.handle(.want(.init(9, bob)), now: Self.at(35)) == [.start(6, bob)])
    }

    @Test func sparesAreTriedAgainAfterThePause() {
        var pool = Self.pool { $0.minimum = 1 }
        #expect(pool.handle(.tick, now: Self.at(0)) == [.start(1, nil)])
        #expect(pool.handle(.failed(1, Self.broken), now: Self.at(1)) == [.start(2, nil)])
        _ = pool.handle(.gone(1), now: Self.at(1))
        #expect(pool.handle(.failed(2, Self.broken), now: Self.at(2)) == [.start(3, nil)])
        _ = pool.handle(.gone(2), now: Self.at(2))
        #expect(pool.handle(.failed(3, Self.broken), now: Self.at(3)) == [])
        _ = pool.handle(.gone(3), now: Self.at(3))
        #expect(pool.handle(.tick, now: Self.at(12)) == [])
        #expect(pool.handle(.tick, now: Self.at(13)) == [.start(4, nil)])
        #expect(pool.handle(.tick, now: Self.at(14)) == [])
    }

    // MARK: Sessions

    @Test func aSessionHasOneTurnAtATimeAndDoesNotMove() {
        var pool = Self.pool()
        _ = pool.handle(.want(.init(1, ann, session: "s")), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        // Another process would be free; the session waits for its own.
        #expect(pool.handle(.want(.init(2, ann, session: "s")), now: Self.at(1)) == [])
        #expect(pool.handle(.want(.init(3, ann)), now: Self.at(1)) == [.start(2, ann)])
        #expect(pool.handle(.ready(2), now: Self.at(2)) == [.give(3, 2)])
        #expect(pool.handle(.over(2), now: Self.at(3)) == [])
        #expect(pool.handle(.over(1), now: Self.at(4)) == [.give(2, 1)])
        #expect(pool.handle(.over(1), now: Self.at(5)) == [])
        #expect(pool.handle(.want(.init(4, ann, session: "s")), now: Self.at(6)) == [.give(4, 1)])
        // The session of the same name is another one to somebody else.
        #expect(pool.handle(.want(.init(5, bob, session: "s")), now: Self.at(6)) == [.end(2)])
    }

    @Test func aSessionWhoseProcessIsGoneBeginsAnew() {
        var pool = Self.pool()
        _ = pool.handle(.want(.init(1, ann, session: "s")), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        _ = pool.handle(.spent(1), now: Self.at(1))
        #expect(pool.handle(.want(.init(2, ann, session: "s")), now: Self.at(1)) == [.start(2, ann)])
        _ = pool.handle(.gone(1), now: Self.at(2))
        #expect(pool.handle(.ready(2), now: Self.at(3)) == [.give(2, 2)])
    }

    /// Also where each conversation has a process of its own.
    @Test func theTurnsOfASessionComeOneAfterTheOtherWhateverItsConversation() {
        var pool = Self.pool()
        let first = Owner(tenant: "ann", conversation: .session("s 1"))
        let second = Owner(tenant: "ann", conversation: .session("s 2"))
        #expect(pool.handle(.want(.init(1, first, session: "s")), now: Self.at(0)) == [.start(1, first)])
        #expect(pool.handle(.ready(1), now: Self.at(1)) == [.give(1, 1)])
        #expect(pool.handle(.want(.init(2, second, session: "s")), now: Self.at(2)) == [])
        #expect(pool.handle(.over(1), now: Self.at(3)) == [.start(2, second)])
        #expect(pool.handle(.ready(2), now: Self.at(4)) == [.give(2, 2)])
    }

    @Test func twoTurnsOfANewSessionNeedOneProcess() {
        var pool = Self.pool()
        #expect(pool.handle(.want(.init(1, ann, session: "s")), now: Self.at(0)) == [.start(1, ann)])
        #expect(pool.handle(.want(.init(2, ann, session: "s")), now: Self.at(0)) == [])
        #expect(pool.handle(.ready(1), now: Self.at(1)) == [.give(1, 1)])
        #expect(pool.handle(.over(1), now: Self.at(2)) == [.give(2, 1)])
    }

    // MARK: Retiring

    @Test func aRetiredPoolServesThoseItHas() {
        var pool = Self.pool { $0.maximum = 1 }
        _ = pool.handle(.want(.init(1, ann)), now: Self.at(0))
        _ = pool.handle(.ready(1), now: Self.at(0))
        _ = pool.handle(.want(.init(2, ann)), now: Self.at(1))
        #expect(pool.handle(.retire, now: Self.at(1)) == [])
        #expect(pool.handle(.want(.init(3, ann)), now: Self.at(1)).count == 1)
        #expect(pool.handle(.over(1), now: Self.at(2)) == [.give(2, 1)])
        #expect(!pool.isOver)
        #expect(pool.handle(.over(1), now: Self.at(3)) == [.end(1)])
        #expect(pool.handle(.gone(1), now: Self.at(4)) == [])
        #expect(pool.isOver)
    }

    // MARK: Laws

    /// Whatever happens: no more processes than there may be, none serves two tenants or two turns, every turn is answered
    /// once, and none waits for ever.
    @Test(arguments: 0..<60)
    func lawsHold(_ seed: UInt64) {
        var world = PoolWorld(seed: seed)
        for _ in 0..<400 { world.step() }
        world.settle()
    }
}
