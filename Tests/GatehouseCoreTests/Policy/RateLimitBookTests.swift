import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct RateLimitBookTests {
    private final class Desk {
        private var book: RateLimitBook

        init(maximumSubjects: Int = 100) {
            book = RateLimitBook(maximumSubjects: maximumSubjects)
        }

        var count: Int { book.count }

        func admit(_ query: RateLimitQuery, _ table: RateLimitTable, now: Instant) -> RateLimitBook.Verdict {
            book.admit(query, table, now: now)
        }

        func settle(_ charge: RateLimitBook.Charge, used: Int?, now: Instant) {
            book.settle(charge, used: used, now: now)
        }
    }

    private let start = Instant(nanoseconds: 0)

    private func query(_ name: String, tokens: Int = 0, team: String? = nil, address: String? = nil) -> RateLimitQuery {
        var key = VirtualKey(name: name, role: .member, models: [])
        key.membership.team = team
        var query = RateLimitQuery(key, route: "/v1/messages", .call(tokens: tokens))
        query.model = "m"
        query.address = address
        return query
    }

    private func perMinute(_ count: Int) -> TokenBucket.Settings { .init(count: count, period: .seconds(60)) }

    private func charge(_ verdict: RateLimitBook.Verdict) -> RateLimitBook.Charge? {
        if case .admitted(let charge, _) = verdict { charge } else { nil }
    }

    private func refusal(_ verdict: RateLimitBook.Verdict) -> RateLimitRefusal? {
        if case .refused(let refusal) = verdict { refusal } else { nil }
    }

    @Test func whatNothingLimitsIsFree() {
        let book = Desk()
        #expect(book.admit(query("a"), RateLimitTable(), now: start) == .free)
        let other = RateLimitTable([RateLimitRule(.team, ModelPattern("*"), RateLimits(requests: perMinute(1)))])
        #expect(book.admit(query("a"), other, now: start) == .free, "a key of no team has no team's limit")
        #expect(book.count == 0)
    }

    @Test func eachSubjectHasItsOwnBucket() {
        let book = Desk()
        let table = RateLimitTable([
            RateLimitRule(.key, ModelPattern("a*"), RateLimits(requests: perMinute(1))),
            RateLimitRule(.team, ModelPattern("*"), RateLimits(requests: perMinute(2))),
        ])
        #expect(charge(book.admit(query("a1", team: "t"), table, now: start)) != nil)
        #expect(refusal(book.admit(query("a1", team: "t"), table, now: start))?.subject == .key)
        #expect(charge(book.admit(query("a2", team: "t"), table, now: start)) != nil)
        #expect(refusal(book.admit(query("b", team: "t"), table, now: start))?.subject == .team)
        #expect(charge(book.admit(query("b", team: "u"), table, now: start)) != nil)
    }

    @Test func whoIsRefusedByOneTakesNothingOfTheOthers() {
        let book = Desk()
        let table = RateLimitTable([
            RateLimitRule(.key, ModelPattern("*"), RateLimits(requests: perMinute(5), concurrency: 10)),
            RateLimitRule(.team, ModelPattern("*"), RateLimits(tokens: perMinute(100))),
        ])
        #expect(charge(book.admit(query("a", tokens: 90, team: "t"), table, now: start)) != nil)
        for _ in 0..<50 {
            let found = refusal(book.admit(query("a", tokens: 50, team: "t"), table, now: start))
            #expect(found?.quantity == .tokens && found?.wait == .seconds(24))
            #expect(found?.status.requests?.remaining == 4)
        }
        for _ in 0..<4 {
            #expect(charge(book.admit(query("a", tokens: 1, team: "t"), table, now: start)) != nil)
        }
        #expect(refusal(book.admit(query("a", tokens: 1, team: "t"), table, now: start))?.quantity == .requests)
    }

    @Test func theLongestWaitIsTold() {
        let book = Desk()
        let table = RateLimitTable([
            RateLimitRule(.key, ModelPattern("*"), RateLimits(requests: .init(count: 1, period: .seconds(10)))),
            RateLimitRule(.key, ModelPattern("*"), RateLimits(requests: .init(count: 1, period: .seconds(3600)))),
        ])
        #expect(charge(book.admit(query("a"), table, now: start)) != nil)
        let found = refusal(book.admit(query("a"), table, now: start + .milliseconds(500)))
        #expect(found?.error.retryAfter == 3600 && found?.error.code == .rateLimited)
        #expect(found?.error.message == "The limit of 1 requests per hour of this key is reached. Try again in 3600 s.")
        #expect(charge(book.admit(query("a"), table, now: start + .seconds(3600))) != nil, "the wait is true")
    }

    @Test func callsInFlightAreCountedUntilTheyEnd() {
        let book = Desk()
        let table = RateLimitTable([RateLimitRule(.key, ModelPattern("*"), RateLimits(concurrency: 2))])
        let first = charge(book.admit(query("a"), table, now: start))
        #expect(charge(book.admit(query("a"), table, now: start)) != nil)
        #expect(refusal(book.admit(query("a"), table, now: start))?.quantity == .concurrency)
        if let first { book.settle(first, used: nil, now: start) }
        #expect(charge(book.admit(query("a"), table, now: start)) != nil)
    }

    @Test func tokensAreCorrectedAfterTheFact() {
        let book = Desk()
        let table = RateLimitTable([RateLimitRule(.model, ModelPattern("m"), RateLimits(tokens: perMinute(100)))])
        func remaining(_ verdict: RateLimitBook.Verdict) -> Int? {
            if case .admitted(_, let status) = verdict { status.tokens?.remaining } else { nil }
        }
        for (used, left) in [(10, 89), (60, 28), (nil, 18), (0, 17)] as [(Int?, Int)] {
            let estimate = used == nil ? 9 : used == 0 ? 15 : 20
            guard let charge = charge(book.admit(query("a", tokens: estimate), table, now: start)) else {
                Issue.record("refused")
                return
            }
            book.settle(charge, used: used, now: start)
            let probe = book.admit(query("a", tokens: 1), table, now: start)
            #expect(remaining(probe) == left, "used \(String(describing: used))")
        }
    }

    /// Callers can make addresses as they like: the book does not grow without end, and forgets nobody who owes.
    @Test func memoryIsBounded() {
        let book = Desk(maximumSubjects: 2000)
        let table = RateLimitTable([RateLimitRule(.address, ModelPattern("*"), RateLimits(requests: perMinute(2)))])
        #expect(charge(book.admit(query("a", address: "guilty"), table, now: start)) != nil)
        #expect(charge(book.admit(query("a", address: "guilty"), table, now: start)) != nil)
        var admitted = 0
        for index in 0..<20_000 {
            if let charge = charge(book.admit(query("a", address: "\(index)"), table, now: start)) {
                book.settle(charge, used: 0, now: start)
                admitted += 1
            }
        }
        #expect(book.count <= 2001 && admitted < 2010, "newcomers share a place once the book is full")
        #expect(refusal(book.admit(query("a", address: "guilty"), table, now: start)) != nil)
        let later = start + .seconds(61)
        for index in 0..<400 {
            let charge = charge(book.admit(query("a", address: "new \(index)"), table, now: later))
            #expect(charge != nil)
            if let charge { book.settle(charge, used: nil, now: later) }
        }
        #expect(book.count < 500, "full buckets are dropped")
    }

    /// What is dropped for newcomers must be nobody's of the call that brings them: each subject keeps its own count.
    @Test func noSubjectLosesItsPlaceToANewcomerOfTheSameCall() {
        let book = Desk(maximumSubjects: 1000)
        let table = RateLimitTable([
            RateLimitRule(.team, ModelPattern("*"), RateLimits(requests: .init(count: 1, period: .seconds(1)))),
            RateLimitRule(.key, ModelPattern("*"), RateLimits(requests: .init(count: 1, period: .seconds(1)))),
            RateLimitRule(.address, ModelPattern("*"), RateLimits(requests: .init(count: 1, period: .seconds(1)))),
        ])
        for round in 0..<500 {
            // All buckets are full again: any of them may be dropped.
            let now = start + .seconds(2 * round)
            for attempt in 0..<3 {
                let asked = query("k\(round % 7)", team: "t\(round % 3)", address: "\(round)-\(attempt)")
                let verdict = book.admit(asked, table, now: now)
                #expect((charge(verdict) != nil) == (attempt == 0), "round \(round), attempt \(attempt)")
                if let charge = charge(verdict) { book.settle(charge, used: nil, now: now) }
            }
        }
        #expect(book.count < 100)
    }

    /// Room is made while the places of a call are looked up: its own are not swept away between two of them.
    @Test func makingRoomLosesNothingOfTheCallAtHand() {
        for known in 95...100 {
            let book = Desk()
            let table = RateLimitTable([
                RateLimitRule(.address, ModelPattern("*"), RateLimits(requests: perMinute(1))),
                RateLimitRule(.team, ModelPattern("*"), RateLimits(requests: perMinute(1))),
            ])
            for index in 0..<known {
                guard let charge = charge(book.admit(query("a", address: "\(index)"), table, now: start)) else {
                    continue
                }
                book.settle(charge, used: 0, now: start)
            }
            let later = start + .seconds(61)
            #expect(charge(book.admit(query("a", team: "t", address: "x"), table, now: later)) != nil)
            #expect(refusal(book.admit(query("a", team: "u", address: "x"), table, now: later))?.subject == .address)
            #expect(refusal(book.admit(query("a", team: "t", address: "y"), table, now: later))?.subject == .team)
        }
    }

    @Test func aReloadKeepsWhatWasUsed() {
        let book = Desk()
        func table(_ count: Int) -> RateLimitTable {
            RateLimitTable([RateLimitRule(.key, ModelPattern("*"), RateLimits(requests: perMinute(count)))])
        }
        for _ in 0..<5 { #expect(charge(book.admit(query("a"), table(5), now: start)) != nil) }
        #expect(refusal(book.admit(query("a"), table(5), now: start)) != nil)
        #expect(charge(book.admit(query("a"), table(6), now: start)) != nil)
        #expect(refusal(book.admit(query("a"), table(6), now: start)) != nil)
    }

    @Test func controlAndUploadsTakeFromTheirBuckets() {
        let book = Desk()
        var asked = query("a")
        asked.key.rateLimit = RateLimits(requests: perMinute(2), tokens: perMinute(1), uploads: perMinute(1))
        asked.work = .upload
        #expect(charge(book.admit(asked, RateLimitTable(), now: start)) != nil)
        #expect(refusal(book.admit(asked, RateLimitTable(), now: start))?.quantity == .uploads)
        asked.work = .control
        #expect(charge(book.admit(asked, RateLimitTable(), now: start)) != nil)
        #expect(charge(book.admit(asked, RateLimitTable(), now: start)) != nil)
        #expect(refusal(book.admit(asked, RateLimitTable(), now: start))?.quantity == .requests)
    }
}
