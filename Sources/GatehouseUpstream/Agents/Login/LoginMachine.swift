package import GatehouseCore

/// One login, from the vendor's program on a screen to what a person must do. Pure: time is told.
///
/// It ends well only when a probe said so, or where there is none, when the program ended well.
package struct LoginMachine: Sendable {
    package struct Limits: Sendable, Equatable {
        /// Until there is a URL.
        package var start = Interval.seconds(60)
        /// For the person.
        package var person = Interval.seconds(600)
        /// From a code to the verdict.
        package var verdict = Interval.seconds(90)
        /// What is read off the screen is believed when it was the same for so long: a URL comes in pieces.
        package var quiet = Interval.milliseconds(250)
        /// Between two looks whether somebody is logged in, while the program goes on.
        package var look = Interval.seconds(3)
        package var codes = 5
        package var output = 4 << 20

        package init() {}
    }

    package enum Phase: String, Sendable {
        case starting
        /// The person is to visit the URL.
        case waiting
        /// A code was given, or the program has ended: it is found out what came of it.
        case verifying
        case succeeded, failed, cancelled, expired

        package var isOver: Bool {
            switch self {
            case .starting, .waiting, .verifying: false
            case .succeeded, .failed, .cancelled, .expired: true
            }
        }
    }

    package enum Problem: String, Sendable {
        /// The program ended or fell silent without a URL of the vendor.
        case noURL = "no_url"
        case codeRefused = "code_refused"
        case programFailed = "program_failed"
        /// The program ended well, and nobody is logged in.
        case notSignedIn = "not_signed_in"
        case tooMuchOutput = "too_much_output"
        case startFailed = "start_failed"
        /// An agent worked with the account for too long.
        case accountBusy = "account_busy"
    }

    /// What is to be done.
    package enum Action: Sendable, Equatable {
        case write([UInt8])
        /// Ends the program.
        case end
        /// Asks the CLI whether somebody is logged in.
        case probe
    }

    package let recipe: LoginRecipe
    package let limits: Limits
    package private(set) var phase = Phase.starting
    package private(set) var problem: Problem?
    package private(set) var url: String?
    package private(set) var userCode: String?
    /// When the phase is over by itself.
    package private(set) var deadline: Instant
    private var screen = TerminalScreen()
    private var taken = 0
    private var isRead = true
    /// What was read last, and since when.
    private var seen: (url: String?, code: String?) = (nil, nil)
    private var seenSince: Instant
    private var codes = 0
    private var exit: AgentExit.Status?
    private var isProbing = false
    private var lastProbe: Instant?

    package init(_ recipe: LoginRecipe, _ limits: Limits = Limits(), now: Instant) {
        self.recipe = recipe
        self.limits = limits
        deadline = now + limits.start
        seenSince = now
    }

    // MARK: The program

    package mutating func received(_ bytes: some Collection<UInt8>, now: Instant) -> [Action] {
        guard !phase.isOver, exit == nil else { return [] }
        taken += bytes.count
        guard taken <= limits.output else { return end(.failed, .tooMuchOutput) }
        screen.feed(bytes)
        isRead = false
        let replies = screen.takeReplies()
        return replies.isEmpty ? [] : [.write(replies)]
    }

    package mutating func exited(_ status: AgentExit.Status, now: Instant) -> [Action] {
        guard !phase.isOver, exit == nil else { return [] }
        exit = status
        look(now)
        (url, userCode) = seen
        guard status == .exited(0) else {
            let isRefused = phase == .verifying && recipe.style == .code
            return end(.failed, isRefused ? .codeRefused : url == nil ? .noURL : .programFailed)
        }
        begin(.verifying, for: limits.verdict, now: now)
        guard recipe.probe != nil else { return end(.succeeded, nil) }
        return isProbing ? [] : probe(now)
    }

    /// The program could not be started.
    package mutating func failedToStart(_ problem: Problem = .startFailed) -> [Action] {
        phase.isOver ? [] : end(.failed, problem)
    }

    /// The program is started now: what was waited for before counts for nothing.
    ///
    /// - Returns: `false` when it is over already.
    package mutating func begin(now: Instant) -> Bool {
        guard phase == .starting else { return false }
        deadline = now + limits.start
        seenSince = now
        return true
    }

    /// - Parameter isSignedIn: `nil` when the probe told nothing.
    package mutating func probed(isSignedIn: Bool?, now: Instant) -> [Action] {
        isProbing = false
        guard !phase.isOver else { return [] }
        if isSignedIn == true { return end(.succeeded, nil) }
        guard exit != nil else { return [] }
        return end(.failed, .notSignedIn)
    }

    // MARK: The person

    /// A code to be typed in.
    ///
    /// - Throws: `invalid_value` for what is no code, `invalid_argument` when none is waited for.
    package mutating func submit(_ code: String, now: Instant) throws(GatehouseError) -> [Action] {
        guard phase == .waiting, recipe.style == .code else {
            throw GatehouseError(.invalidArgument, "This login waits for no code now. Look at its status.")
        }
        guard (1...1024).contains(code.utf8.count), code.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw GatehouseError(
                .invalidValue, "A code is up to 1024 visible characters without spaces.", param: "code")
        }
        codes += 1
        problem = nil
        // What the screen said before is no answer to this code.
        screen = TerminalScreen()
        begin(.verifying, for: limits.verdict, now: now)
        lastProbe = now
        return [.write(Array(code.utf8) + [0x0D])]
    }

    package mutating func cancel() -> [Action] {
        phase.isOver ? [] : end(.cancelled, nil)
    }

    // MARK: Time

    /// To be called now and then: several times within `Limits.quiet`.
    package mutating func tick(now: Instant) -> [Action] {
        guard !phase.isOver else { return [] }
        guard now < deadline else { return end(.expired, phase == .starting ? .noURL : nil) }
        if let actions = judge(now) { return actions }
        guard phase == .verifying, exit == nil, recipe.probe != nil, !isProbing,
            lastProbe.map({ $0 + limits.look <= now }) ?? true
        else { return [] }
        return probe(now)
    }

    /// Reads the screen where it has changed. What is gone from it holds.
    private mutating func look(_ now: Instant) {
        guard !isRead else { return }
        isRead = true
        let url = LoginLinks.url(on: screen, hosts: recipe.hosts) ?? seen.url
        let code = recipe.style == .device ? LoginLinks.userCode(on: screen) ?? seen.code : nil
        guard url != seen.url || code != seen.code else { return }
        seen = (url, code)
        seenSince = now
    }

    private mutating func judge(_ now: Instant) -> [Action]? {
        let isNew = !isRead
        look(now)
        if seenSince + limits.quiet <= now { (url, userCode) = seen }
        switch phase {
        case .starting:
            guard url != nil else { return nil }
            begin(.waiting, for: limits.person, now: now)
        case .verifying:
            guard isNew else { return nil }
            let text = screen.lines.joined(separator: "\n").lowercased()
            guard recipe.refusals.contains(where: { text.contains($0) }) else { return nil }
            guard codes < limits.codes else { return end(.failed, .codeRefused) }
            problem = .codeRefused
            begin(.waiting, for: limits.person, now: now)
        default: break
        }
        return nil
    }

    private mutating func begin(_ phase: Phase, for time: Interval, now: Instant) {
        self.phase = phase
        deadline = now + time
    }

    private mutating func probe(_ now: Instant) -> [Action] {
        isProbing = true
        lastProbe = now
        return [.probe]
    }

    private mutating func end(_ phase: Phase, _ problem: Problem?) -> [Action] {
        self.phase = phase
        self.problem = problem
        // It holds the code.
        screen = TerminalScreen(columns: 2, height: 2)
        url = nil
        userCode = nil
        return exit == nil ? [.end] : []
    }
}
