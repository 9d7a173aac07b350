import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct AccountPoolTests {
    private let start = Instant(nanoseconds: 1 << 40)

    /// A pool that is spoken to on a clock that the test moves. Runs end before the next begins unless `keep` is said.
    private struct Dialogue {
        var pool: AccountPool
        var now: Instant

        init(_ members: AccountPool.Member..., now: Instant) {
            pool = AccountPool(members)
            self.now = now
        }

        mutating func pass(_ time: Interval) { now = now + time }

        mutating func pick(_ model: String = "m", sticky: UInt64? = nil, keep: Bool = false) -> AccountPool.Pick {
            let pick = pool.pick(model: model, sticky: sticky, now: now)
            if case .account(let index, let isProbe) = pick, !keep {
                pool.end(index, model: model, isProbe: isProbe)
            }
            return pick
        }

        /// The account's name, when one was given.
        mutating func serve(_ model: String = "m", sticky: UInt64? = nil) -> String? {
            guard case .account(let index, _) = pick(model, sticky: sticky) else { return nil }
            _ = pool.worked(index, model: model, now: now)
            return pool.members[index].name
        }

        @discardableResult
        mutating func fail(
            _ index: Int, _ kind: Failure.Kind, _ seconds: Int? = nil, model: String = "m"
        ) -> Bool {
            pool.failed(index, model: model, Failure(kind, retryAfter: seconds), now: now)
        }
    }

    @Test func theLeastUsedServes() {
        var talk = Dialogue(.init("a"), .init("b"), .init("c"), now: start)
        #expect((0..<6).map { _ in talk.serve() } == ["a", "b", "c", "a", "b", "c"])
    }

    @Test func aShareFollowsTheWeight() {
        var talk = Dialogue(.init("a", weight: 3), .init("b"), now: start)
        let served = (0..<40).map { _ in talk.serve() }
        #expect(served.count { $0 == "a" } == 30)
    }

    /// A login is renewed with a token that is good for one use.
    @Test func anAccountTakesAsManyRunsAsItMay() {
        var talk = Dialogue(.init("a"), .init("b", concurrency: 2), now: start)
        #expect(talk.pick(keep: true) == .account(0, isProbe: false))
        #expect(talk.pick(keep: true) == .account(1, isProbe: false))
        #expect(talk.pick(keep: true) == .account(1, isProbe: false))
        #expect(talk.pick("other", keep: true) == .busy, "a login is one for all models")
        #expect(!talk.pool.hasFree(model: "m", passing: Positions(), now: start))
        talk.pool.end(0, model: "m", isProbe: false)
        #expect(talk.pick(keep: true) == .account(0, isProbe: false))
        talk.pool.end(0, model: "m", isProbe: false)
        talk.pool.end(0, model: "m", isProbe: false)
        _ = talk.pick(keep: true)
        #expect(talk.pick(keep: true) == .busy, "one given back twice does not make two")
    }

    @Test func aSessionStaysWhileItsAccountIsFree() {
        var talk = Dialogue(.init("a"), .init("b"), .init("c"), now: start)
        let homes = (0..<32).map { talk.serve(sticky: UInt64($0) &* 0x9E37_79B9) }
        #expect(Set(homes.compactMap(\.self)) == ["a", "b", "c"])
        #expect((0..<32).map { talk.serve(sticky: UInt64($0) &* 0x9E37_79B9) } == homes)
        talk.fail(0, .quota, 600)
        for (number, home) in homes.enumerated() {
            let now = talk.serve(sticky: UInt64(number) &* 0x9E37_79B9)
            #expect(home == "a" ? now == "b" || now == "c" : now == home)
        }
        talk.pass(.seconds(600))
        #expect((0..<32).map { talk.serve(sticky: UInt64($0) &* 0x9E37_79B9) } == homes, "and it comes back")
    }

    @Test func whatIsUsedUpRestsForThatModelUntilTheToldTime() {
        var talk = Dialogue(.init("a"), .init("b"), now: start)
        talk.fail(0, .quota, 5 * 3600)
        #expect((0..<4).map { _ in talk.serve() } == ["b", "b", "b", "b"])
        #expect(talk.serve("other") == "a", "vendors count models apart")
        talk.fail(1, .rate, 20)
        #expect(talk.pick() == .resting(until: start + .seconds(20), kind: .rate))
        #expect(talk.pool.soonest(model: "m", now: start) == start + .seconds(20))
        talk.pass(.seconds(20))
        #expect(talk.pick() == .account(1, isProbe: true))
        talk.pass(.seconds(5 * 3600))
        #expect(talk.serve() == "a")
    }

    /// Half open: as long as nobody knows, one looks.
    @Test func whenARestIsOverOneRunLooks() {
        var talk = Dialogue(.init("a", concurrency: 4), now: start)
        talk.fail(0, .quota, 60)
        talk.pass(.seconds(59))
        #expect(talk.pick() == .resting(until: start + .seconds(60), kind: .quota))
        talk.pass(.seconds(1))
        #expect(talk.pick(keep: true) == .account(0, isProbe: true))
        #expect(talk.pick() == .busy)
        #expect(talk.pick("other") == .account(0, isProbe: false))
        talk.pool.end(0, model: "m", isProbe: true)
        #expect(talk.pick(keep: true) == .account(0, isProbe: true), "one that told nothing is followed by another")
        talk.pool.end(0, model: "m", isProbe: true)
        _ = talk.pool.worked(0, model: "m", now: talk.now)
        for _ in 0..<4 { #expect(talk.pick(keep: true) == .account(0, isProbe: false)) }
    }

    @Test func untoldRestsDoubleUntilItServes() {
        var talk = Dialogue(.init("a"), now: start)
        func lengths(_ kind: Failure.Kind, _ count: Int) -> [Int] {
            (0..<count).map { _ in
                talk.fail(0, kind)
                guard case .resting(let until, _) = talk.pick() else { return 0 }
                defer { talk.now = until }
                return (until - talk.now).retryAfter
            }
        }
        #expect(lengths(.quota, 7) == [60, 120, 240, 480, 960, 1800, 1800])
        #expect(talk.serve() == "a")
        #expect(lengths(.rate, 4) == [5, 10, 20, 40])
    }

    @Test(arguments: [(0, 1), (-5, 1), (Int.min, 1), (.max, 8 * 86_400), (45 * 3600, 45 * 3600)])
    func whatIsToldIsBounded(told: Int, seconds: Int) {
        var talk = Dialogue(.init("a"), now: start)
        talk.fail(0, .quota, told)
        #expect(talk.pick() == .resting(until: start + .seconds(seconds), kind: .quota))
    }

    /// Two runs at a time hear the same; a third, which began before, serves: none of that says anything new.
    @Test func runsThatWentOnTogetherAreOneLesson() {
        var talk = Dialogue(.init("a", concurrency: 3), now: start)
        talk.fail(0, .quota)
        talk.fail(0, .quota)
        #expect(talk.pool.soonest(model: "m", now: start) == start + .seconds(60))
        talk.fail(0, .quota, 30)
        #expect(talk.pool.soonest(model: "m", now: start) == start + .seconds(60), "a late word does not shorten it")
        talk.fail(0, .quota, 90)
        #expect(talk.pool.soonest(model: "m", now: start) == start + .seconds(90))
        _ = talk.pool.worked(0, model: "m", now: start)
        #expect(talk.pool.soonest(model: "m", now: start) == start + .seconds(90))
    }

    @Test func aRefusedLoginIsLeftOutUntilSomebodyLogsIn() {
        var talk = Dialogue(.init("a"), .init("b"), now: start)
        #expect(talk.fail(0, .auth) == true)
        #expect(talk.fail(0, .auth) == false, "one alert")
        talk.pass(.seconds(86_400 * 30))
        #expect((0..<3).map { _ in talk.serve("x") } == ["b", "b", "b"], "for every model, and no trial is made")
        talk.fail(1, .auth)
        #expect(talk.pick() == .signedOut)
        #expect(talk.pool.soonest(model: "m", now: talk.now) == nil)
        talk.pool.reset(0)
        #expect(talk.serve() == "a")
        #expect(talk.pool.signOut(0) == true)
        #expect(talk.pool.signOut(0) == false)
        #expect(talk.pick() == .signedOut)
    }

    @Test func whatIsNoFaultOfTheAccountChangesNothing() {
        var talk = Dialogue(.init("a"), now: start)
        for kind in [Failure.Kind.capacity, .modelUnknown, .input, .timeout(.total), .cancelled, .crashed, .failed] {
            talk.fail(0, kind, 60)
            #expect(talk.serve() == "a")
        }
    }

    /// Callers name models as they like: an account that is told of so many that it is too fast is too fast.
    @Test func namesWithoutEndAreBounded() {
        var talk = Dialogue(.init("a"), now: start)
        for number in 0..<1000 { talk.fail(0, .quota, 600, model: "model-\(number)") }
        #expect(talk.pool.status(model: "", now: start, wall: 0)[0].rests.count <= 65)
        #expect(talk.pick("unheard of") == .resting(until: start + .seconds(600), kind: .quota))
        talk.pass(.seconds(601))
        #expect(talk.serve("unheard of") == "a")
        talk.pass(.seconds(3600))
        talk.fail(0, .quota, 600, model: "again")
        #expect(talk.serve("unheard of") == "a", "old ones make room")
    }

    @Test func otherAccountsKeepWhatIsKnownOfThoseThatStay() {
        var talk = Dialogue(.init("a"), .init("b"), now: start)
        talk.fail(1, .quota, 600)
        #expect(talk.pick(keep: true) == .account(0, isProbe: false))
        talk.pool.replace(with: [.init("c"), .init("b"), .init("a")])
        #expect(talk.serve() == "c")
        #expect(talk.pick(keep: true) == .account(0, isProbe: false))
        #expect(talk.pick() == .busy, "b rests, and a has its run still")
        talk.pool.replace(with: [])
        #expect(talk.pick() == .busy)
        talk.pool.end(2, model: "m", isProbe: false)
    }

    @Test func theOperatorSeesStatesWindowsAndAForecast() throws {
        var talk = Dialogue(.init("a"), .init("b"), .init("c", concurrency: 3), now: start)
        talk.fail(0, .quota, 100)
        talk.fail(1, .rate, 10, model: "other")
        talk.fail(2, .auth)
        talk.pool.note(UsageLimit(kind: "five_hour", used: 0.5, resetsAt: 2000), of: 0)
        talk.pool.note(UsageLimit(kind: "five_hour", used: 0.85, resetsAt: 2000), of: 0)
        talk.pool.note(UsageLimit(kind: "weekly", used: 0.1, resetsAt: 900), of: 0)
        for number in 0..<100 { talk.pool.note(UsageLimit(kind: "w\(number)"), of: 1) }
        let status = talk.pool.status(model: "m", now: start, wall: 1000)
        #expect(status.map(\.state) == [.resting, .limited, .signedOut])
        #expect(status.map(\.begins) == [start + .seconds(100), start, nil])
        #expect(
            status[0].windows == [UsageLimit(kind: "five_hour", used: 0.85, resetsAt: 2000)], "what has ended is gone")
        #expect(status[1].windows.count == 16)
        #expect(status[1].rests.map(\.model) == ["other"] && status[1].rests.map(\.kind) == [.rate])
        #expect(status[1].rests.map(\.until) == [start + .seconds(10)])
        talk.pass(.seconds(100))
        #expect(talk.pool.status(model: "m", now: talk.now, wall: 1100)[0].state == .usable)
    }

    /// Whatever happens in whatever order: no account has more runs than it may, and nothing that rests is used.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func nothingIsUsedThatShouldRest(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let models = ["m", "n", "o"]
        var talk = Dialogue(.init("a"), .init("b", concurrency: 2), .init("c", weight: 3), now: start)
        var running: [(Int, String, Bool)] = []
        var rests: [String: Instant] = [:]
        var signedOut: Set<Int> = []
        for _ in 0..<2000 {
            switch random.next(upperBound: 6 as UInt64) {
            case 0, 1, 2:
                let model = models[Int(random.next(upperBound: 3 as UInt64))]
                guard case .account(let index, let isProbe) = talk.pick(model, keep: true) else { break }
                #expect(rests["\(index)\(model)"].map { $0 <= talk.now } ?? true)
                #expect(!signedOut.contains(index))
                running.append((index, model, isProbe))
                #expect(running.count { $0.0 == index } <= talk.pool.members[index].concurrency)
            case 3:
                talk.pass(.seconds(Int(random.next(upperBound: 90 as UInt64))))
            default:
                guard !running.isEmpty else { break }
                let (index, model, isProbe) = running.remove(at: Int(random.next(upperBound: UInt64(running.count))))
                talk.pool.end(index, model: model, isProbe: isProbe)
                switch random.next(upperBound: 12 as UInt64) {
                case 0:
                    _ = talk.pool.worked(index, model: model, now: talk.now)
                    signedOut.remove(index)
                case 1...6:
                    let told = Int(random.next(upperBound: 300 as UInt64)) + 1
                    talk.fail(index, .quota, told, model: model)
                    rests["\(index)\(model)"] = max(rests["\(index)\(model)"] ?? start, talk.now + .seconds(told))
                case 7 where signedOut.count < 2:
                    talk.fail(index, .auth)
                    signedOut.insert(index)
                default: break
                }
            }
        }
    }
}
