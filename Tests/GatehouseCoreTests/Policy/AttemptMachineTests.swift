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
        left: Interval = .seconds(60)
    ) -> AttemptMachine.Step {
        var generator = SeededGenerator(seed: 7)
        return machine.failed(failure, mayRepeat: mayRepeat, hasOther: hasOther, left: left, using: &generator)
    }

    @Test func theSameTargetIsTriedAgainAfterAWaitAndThenAnother() {
        var machine = machine(retries: 1)
        machine.began(isRetry: false)
        guard case .retry(let wait) = step(machine, Failure(.upstream)) else { return #expect(Bool(false)) }
        #expect(wait <= .milliseconds(250))
        machine.began(isRetry: true)
        #expect(step(machine, Failure(.upstream)) == .fallback)
        #expect(step(machine, Failure(.upstream), hasOther: false) == .stop)
    }

    @Test func noMoreThanThreeAttempts() {
        var machine = machine(retries: 10)
        for number in 1...3 {
            machine.began(isRetry: number > 1)
            let isLast = number == 3
            #expect((step(machine, Failure(.upstream)) == .stop) == isLast)
        }
        #expect(machine.attempts == 3)
    }

    /// What an upstream may already work at is not asked for again behind the caller's back.
    @Test(arguments: [Failure.Kind.timeout(.firstByte), .truncated, .unreachable, .empty, .crashed])
    func whatMayHaveBeenBilledIsNotRepeated(kind: Failure.Kind) {
        var machine = machine(retries: 2)
        machine.began(isRetry: false)
        #expect(step(machine, Failure(kind)) == .stop)
        #expect(step(machine, Failure(kind), mayRepeat: true) != .stop, "the caller allowed it")
        var unsent = Failure(kind)
        unsent.isUnsent = true
        #expect(step(machine, unsent) != .stop, "the upstream did not get it")
    }

    @Test(arguments: [Failure.Kind.input, .denied, .cancelled, .outputTooLarge])
    func whatIsWrongStaysWrong(kind: Failure.Kind) {
        var machine = machine(retries: 2)
        machine.began(isRetry: false)
        #expect(step(machine, Failure(kind), mayRepeat: true) == .stop)
    }

    @Test func aWaitThatIsToldAndTooLongLeadsToAnotherTarget() {
        var machine = machine(retries: 2)
        machine.began(isRetry: false)
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
        machine.began(isRetry: false)
        #expect(step(machine, Failure(.auth)) == .fallback)
        #expect(step(machine, Failure(.auth), hasOther: false) == .stop)
    }
}
