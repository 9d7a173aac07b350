import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct AttemptMachineTests {
    private func machine(retries: Int = 0, attempts: Int = 3) -> AttemptMachine {
        var settings = AttemptMachine.Settings()
        settings.retries = retries
        settings.maximumAttempts = attempts
        return AttemptMachine(settings)
    }

    private func step(
        _ machine: AttemptMachine, _ failure: Failure, mayRepeat: Bool = false, hasOther: Bool = true,
        otherKey: Bool = false,
        left: Interval = .seconds(60)
    ) -> AttemptMachine.Step {
        var generator = SeededGenerator(seed: 7)
        let ways = AttemptMachine.Ways(otherKey: otherKey, otherTarget: hasOther)
        return machine.failed(failure, mayRepeat: mayRepeat, ways: ways, left: left, using: &generator)
    }

    @Test func theSameTargetIsTriedAgainAfterAWaitAndThenAnother() {
        var machine = machine(retries: 1)
        machine.began(.fresh)
        guard case .retry(let wait) = step(machine, Failure(.upstream)) else { return #expect(Bool(false)) }
        #expect(wait <= .milliseconds(250))
        machine.began(.retry)
        #expect(step(machine, Failure(.upstream)) == .fallback)
        #expect(step(machine, Failure(.upstream), hasOther: false) == .stop)
    }

    @Test func noMoreThanThreeAttempts() {
        var machine = machine(retries: 10)
        for number in 1...3 {
            machine.began(number > 1 ? .retry : .fresh)
            let isLast = number == 3
            #expect((step(machine, Failure(.upstream)) == .stop) == isLast)
        }
        #expect(machine.attempts == 3)
    }

    /// What an upstream may already work at is not asked for again behind the caller's back.
    @Test(arguments: [Failure.Kind.timeout(.firstByte), .truncated, .unreachable, .empty, .crashed])
    func whatMayHaveBeenBilledIsNotRepeated(kind: Failure.Kind) {
        var machine = machine(retries: 2)
        machine.began(.fresh)
        #expect(step(machine, Failure(kind)) == .stop)
        #expect(step(machine, Failure(kind), mayRepeat: true) != .stop, "the caller allowed it")
        var unsent = Failure(kind)
        unsent.isUnsent = true
        #expect(step(machine, unsent) != .stop, "the upstream did not get it")
    }

    @Test(arguments: [Failure.Kind.input, .denied, .cancelled, .outputTooLarge])
    func whatIsWrongStaysWrong(kind: Failure.Kind) {
        var machine = machine(retries: 2)
        machine.began(.fresh)
        #expect(step(machine, Failure(kind), mayRepeat: true) == .stop)
    }

    @Test func aWaitThatIsToldAndTooLongLeadsToAnotherTarget() {
        var machine = machine(retries: 2)
        machine.began(.fresh)
        let failure = Failure(.rate, retryAfter: 120)
        #expect(step(machine, failure) == .fallback)
        #expect(step(machine, failure, hasOther: false) == .stop)
        guard case .retry(let wait) = step(machine, Failure(.rate, retryAfter: 2)) else {
            return #expect(Bool(false))
        }
        #expect(wait >= .seconds(2), "never earlier than it was told")
        #expect(step(machine, Failure(.rate, retryAfter: 2), left: .seconds(1)) == .fallback, "no time is left")
    }

    @Test func aKeyThatIsRefusedIsNotTriedAgain() {
        var machine = machine(retries: 2)
        machine.began(.fresh)
        #expect(step(machine, Failure(.auth)) == .fallback)
        #expect(step(machine, Failure(.auth), hasOther: false) == .stop)
    }

    @Test(arguments: [Failure.Kind.auth, .quota, .rate])
    func anotherKeyGoesBeforeAWaitAndBeforeAnotherTarget(kind: Failure.Kind) {
        var machine = machine(retries: 2)
        machine.began(.fresh)
        #expect(step(machine, Failure(kind), otherKey: true) == .otherKey)
        machine.began(.otherKey)
        machine.began(.otherKey)
        #expect(step(machine, Failure(kind), otherKey: true) == .stop, "three attempts are all there are")
    }

    @Test(arguments: [Failure.Kind.upstream, .capacity, .modelUnknown])
    func anotherKeyDoesNotHelpAgainstTheDeploymentItself(kind: Failure.Kind) {
        var machine = machine()
        machine.began(.fresh)
        #expect(step(machine, Failure(kind), otherKey: true) == .fallback)
    }

    @Test func hedgesCountAsAttempts() {
        var machine = machine(attempts: 2)
        #expect(!machine.mayHedge, "nothing has begun")
        machine.began(.fresh)
        #expect(machine.mayHedge)
        machine.began(.hedge)
        #expect(!machine.mayHedge && step(machine, Failure(.upstream)) == .stop)
    }

    @Test func nothingFollowsWhenNoTimeIsLeft() {
        var machine = machine()
        machine.began(.fresh)
        #expect(step(machine, Failure(.auth), otherKey: true, left: .zero) == .stop)
    }
}
