import GatehouseCore
import Testing

@testable import GatehouseUpstream

/// Logins as dialogues on a clock that the test moves.
@Suite struct LoginMachineTests {
    private static let code = LoginRecipe(
        style: .code, arguments: [], hosts: ["claude.ai"], refusals: ["invalid code"], probe: ["status"])
    private static let device = LoginRecipe(style: .device, arguments: [], hosts: ["openai.com"], probe: ["status"])

    private struct Dialogue {
        var machine: LoginMachine
        var now = Instant(nanoseconds: 1 << 40)

        init(_ recipe: LoginRecipe, output: Int = 4 << 20) {
            var limits = LoginMachine.Limits()
            limits.output = output
            machine = LoginMachine(recipe, limits, now: now)
        }

        /// Lets time go by as the clock does, step by step.
        @discardableResult
        mutating func pass(_ time: Interval) -> [LoginMachine.Action] {
            var actions: [LoginMachine.Action] = []
            let end = now + time
            while now < end {
                now = now + .milliseconds(50)
                actions += machine.tick(now: now)
            }
            return actions
        }

        @discardableResult
        mutating func say(_ text: String) -> [LoginMachine.Action] { machine.received(Array(text.utf8), now: now) }

        mutating func exit(_ code: Int32) -> [LoginMachine.Action] { machine.exited(.exited(code), now: now) }

        mutating func submit(_ code: String) throws(GatehouseError) -> [LoginMachine.Action] {
            try machine.submit(code, now: now)
        }
    }

    @Test func aCodeIsBroughtBack() throws {
        var talk = Dialogue(Self.code)
        talk.say("Visit https://claude.ai/oau")
        talk.pass(.milliseconds(100))
        #expect(talk.machine.phase == .starting && talk.machine.url == nil, "half a URL is none")
        talk.say("th?x=1\r\nPaste code: ")
        talk.pass(.milliseconds(400))
        #expect(talk.machine.phase == .waiting && talk.machine.url == "https://claude.ai/oauth?x=1")
        let written = try talk.submit("abc#def")
        #expect(written == [.write(Array("abc#def\r".utf8))] && talk.machine.phase == .verifying)
        talk.pass(.seconds(1))
        #expect(talk.exit(0) == [.probe])
        #expect(talk.machine.probed(isSignedIn: true, now: talk.now).isEmpty)
        #expect(talk.machine.phase == .succeeded && talk.machine.url == nil)
    }

    /// A program that turns something all the time is never quiet.
    @Test func aScreenThatMovesIsReadAllTheSame() {
        var talk = Dialogue(Self.code)
        talk.say("https://claude.ai/login\r\n")
        for number in 0..<20 {
            talk.say("\r\("|/-\\".map(String.init)[number % 4])")
            talk.pass(.milliseconds(50))
        }
        #expect(talk.machine.phase == .waiting)
    }

    @Test func aDeviceShowsItsCode() {
        var talk = Dialogue(Self.device)
        talk.say("Open https://auth.openai.com/codex/device\r\nand enter ABCD-12345\r\n")
        talk.pass(.milliseconds(400))
        #expect(talk.machine.userCode == "ABCD-12345")
        #expect(throws: GatehouseError.self) { try talk.submit("x") }
        #expect(talk.pass(.seconds(300)).isEmpty)
        #expect(talk.exit(0) == [.probe])
        _ = talk.machine.probed(isSignedIn: true, now: talk.now)
        #expect(talk.machine.phase == .succeeded)
    }

    @Test func aWrongCodeCanBeGivenAgainAFewTimes() throws {
        var talk = Dialogue(Self.code)
        talk.say("https://claude.ai/login")
        talk.pass(.milliseconds(400))
        for round in 1...5 {
            _ = try talk.submit("wrong-\(round)")
            talk.say("\r\nInvalid code. Try again:")
            let actions = talk.pass(.milliseconds(100))
            #expect(talk.machine.problem == .codeRefused)
            #expect(talk.machine.phase == (round < 5 ? .waiting : .failed))
            #expect(actions == (round < 5 ? [] : [.end]))
        }
    }

    @Test func aWrongCodeMayEndTheProgram() throws {
        var talk = Dialogue(Self.code)
        talk.say("https://claude.ai/login")
        talk.pass(.milliseconds(400))
        _ = try talk.submit("wrong")
        #expect(talk.exit(1).isEmpty)
        #expect(talk.machine.phase == .failed && talk.machine.problem == .codeRefused)
    }

    /// Programs that go on with a session of their own: the probe says when somebody is logged in.
    @Test func aProgramThatDoesNotEndIsAskedAround() throws {
        var talk = Dialogue(Self.code)
        talk.say("https://claude.ai/login")
        talk.pass(.milliseconds(400))
        _ = try talk.submit("right")
        #expect(talk.pass(.seconds(4)) == [.probe])
        #expect(talk.pass(.seconds(10)).isEmpty, "one at a time")
        #expect(talk.machine.probed(isSignedIn: false, now: talk.now).isEmpty)
        #expect(talk.pass(.milliseconds(100)) == [.probe])
        #expect(talk.machine.probed(isSignedIn: true, now: talk.now) == [.end])
        #expect(talk.machine.phase == .succeeded)
    }

    @Test(arguments: [false, nil])
    func aProgramThatEndsWellIsNotBelieved(told: Bool?) {
        var talk = Dialogue(Self.device)
        talk.say("https://auth.openai.com/d")
        #expect(talk.exit(0) == [.probe])
        _ = talk.machine.probed(isSignedIn: told, now: talk.now)
        #expect(talk.machine.phase == .failed && talk.machine.problem == .notSignedIn)
    }

    @Test func eachPhaseHasItsLimit() throws {
        var silent = Dialogue(Self.code)
        #expect(silent.pass(.seconds(59)).isEmpty)
        #expect(silent.pass(.seconds(2)) == [.end])
        #expect(silent.machine.phase == .expired && silent.machine.problem == .noURL)
        var foreign = Dialogue(Self.code)
        foreign.say("https://evil.org/login")
        #expect(foreign.pass(.seconds(61)) == [.end])
        var slow = Dialogue(Self.code)
        slow.say("https://claude.ai/login")
        #expect(slow.pass(.seconds(590)).isEmpty)
        #expect(slow.pass(.seconds(15)) == [.end])
        #expect(slow.machine.phase == .expired)
        #expect(throws: GatehouseError.self) { try slow.submit("late") }
        var hung = Dialogue(Self.code)
        hung.say("https://claude.ai/login")
        hung.pass(.milliseconds(400))
        _ = try hung.submit("right")
        #expect(hung.pass(.seconds(95)).filter { $0 == .end } == [.end])
        #expect(hung.machine.phase == .expired)
    }

    @Test func itEndsOnce() {
        var talk = Dialogue(Self.code)
        talk.say("https://claude.ai/login")
        #expect(talk.machine.cancel() == [.end])
        #expect(talk.machine.cancel().isEmpty && talk.exit(0).isEmpty && talk.say("x").isEmpty)
        #expect(talk.pass(.seconds(700)).isEmpty && talk.machine.phase == .cancelled)
    }

    @Test func aFloodIsEnded() {
        var talk = Dialogue(Self.code, output: 40_000)
        let piece = String(repeating: "x", count: 10_000)
        var ended = 0
        for _ in 0..<6 where talk.say(piece) == [.end] { ended += 1 }
        #expect(ended == 1 && talk.machine.problem == .tooMuchOutput)
    }

    @Test(arguments: ["", "a b", "a\rb", "\u{1B}[A", "é", "a\n", String(repeating: "x", count: 1025)])
    func keysAreNoCode(code: String) {
        var talk = Dialogue(Self.code)
        talk.say("https://claude.ai/login")
        talk.pass(.milliseconds(400))
        #expect(throws: GatehouseError.self) { try talk.submit(code) }
        #expect(talk.machine.phase == .waiting)
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func whateverComesItEndsOnceAndInTime(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var talk = Dialogue(seed % 2 == 0 ? Self.code : Self.device)
        var ends = 0
        for _ in 0..<600 {
            var actions: [LoginMachine.Action] = []
            switch random.next(upperBound: 12 as UInt64) {
            case 0: actions = talk.say("https://claude.ai/\(seed) https://auth.openai.com/x ABCD-1234 ")
            case 1: actions = talk.say("invalid code\r\n")
            case 2: actions = (try? talk.submit("code")) ?? []
            case 3: actions = talk.machine.probed(isSignedIn: random.next(upperBound: 9 as UInt64) == 0, now: talk.now)
            case 4 where random.next(upperBound: 60 as UInt64) == 0: actions = talk.exit(Int32(seed % 3))
            default: actions = talk.pass(.seconds(1))
            }
            ends += actions.count { $0 == .end }
        }
        talk.pass(.seconds(800))
        #expect(talk.machine.phase.isOver && ends <= 1)
    }
}
