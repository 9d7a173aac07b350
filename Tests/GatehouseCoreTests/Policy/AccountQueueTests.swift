import GatehouseCore
import Testing

@Suite struct AccountQueueTests {
    private static func at(_ seconds: Int) -> Instant { Instant(nanoseconds: 0) + .seconds(seconds) }

    private func wish(_ owner: String, _ model: String = "m", passing: Positions = Positions()) -> AccountQueue.Wish {
        AccountQueue.Wish(owner: owner, model: model, passing: passing)
    }

    /// A pool whose accounts are all taken.
    private func full(_ names: String...) -> AccountPool {
        var pool = AccountPool(names.map { .init($0) })
        for _ in names { _ = pool.pick(model: "m", now: Self.at(0)) }
        return pool
    }

    private func calls(_ served: [AccountQueue.Served]) -> [UInt64] {
        served.map { served in
            switch served {
            case .lent(let call, _, _, _): call
            case .hopeless(let call): call
            }
        }
    }

    @Test func whoWaitedLongestIsFirst() {
        var pool = full("a")
        var queue = AccountQueue()
        for call in 1...3 { _ = queue.enter(UInt64(call), wish("ann"), now: Self.at(call)) }
        #expect(queue.serve(&pool, now: Self.at(4)) == [])
        pool.end(0, model: "m", isProbe: false)
        #expect(queue.serve(&pool, now: Self.at(5)) == [.lent(1, account: 0, isProbe: false, wish("ann"))])
        #expect(queue.serve(&pool, now: Self.at(5)) == [] && queue.count == 2)
    }

    /// One who has runs already comes behind those who have none, however early they asked.
    @Test func whoHasLessIsFirst() {
        var pool = full("a", "b")
        var queue = AccountQueue()
        queue.began("ann")
        queue.began("ann")
        for call in 1...3 { _ = queue.enter(UInt64(call), wish("ann"), now: Self.at(0)) }
        _ = queue.enter(4, wish("bob"), now: Self.at(1))
        queue.ended("ann")
        pool.end(0, model: "m", isProbe: false)
        #expect(calls(queue.serve(&pool, now: Self.at(2))) == [4])
        queue.ended("ann")
        pool.end(1, model: "m", isProbe: false)
        #expect(calls(queue.serve(&pool, now: Self.at(3))) == [1])
    }

    @Test func aFullQueueMakesRoomForWhoHasFew() {
        var queue = AccountQueue()
        queue.settings.queue = 2
        #expect(queue.enter(1, wish("ann"), now: Self.at(0)) == .queued(deadline: Self.at(60), displaced: nil))
        #expect(queue.enter(2, wish("ann"), now: Self.at(1)) == .queued(deadline: Self.at(61), displaced: nil))
        #expect(queue.enter(3, wish("ann"), now: Self.at(2)) == .refused)
        #expect(queue.enter(4, wish("bob"), now: Self.at(3)) == .queued(deadline: Self.at(63), displaced: 2))
        #expect(queue.enter(5, wish("cat"), now: Self.at(4)) == .refused)
        #expect(queue.abandon(2) == false && queue.abandon(1) && queue.count == 1)
    }

    /// What the others wait for has nothing to do with a call for another model.
    @Test func modelsThatRestHoldNobodyElseUp() {
        var pool = AccountPool([.init("a"), .init("b")])
        _ = pool.failed(1, model: "m", Failure(.quota, retryAfter: 500), now: Self.at(0))
        _ = pool.pick(model: "m", now: Self.at(0))
        var queue = AccountQueue()
        _ = queue.enter(1, wish("ann"), now: Self.at(0))
        _ = queue.enter(2, wish("bob", "n"), now: Self.at(1))
        #expect(calls(queue.serve(&pool, now: Self.at(1))) == [2])
    }

    @Test func whenAllRestNobodyWaits() {
        var pool = full("a")
        var queue = AccountQueue()
        _ = queue.enter(1, wish("ann"), now: Self.at(0))
        _ = pool.failed(0, model: "m", Failure(.quota, retryAfter: 500), now: Self.at(1))
        #expect(queue.serve(&pool, now: Self.at(1)) == [.hopeless(1)])
        _ = queue.enter(2, wish("ann", passing: tried(0)), now: Self.at(2))
        #expect(queue.serve(&pool, now: Self.at(2)) == [.hopeless(2)], "there is no other account")
    }

    private func tried(_ index: Int) -> Positions {
        var tried = Positions()
        tried.insert(index)
        return tried
    }

    /// Nobody is forgotten, whatever happens: each call is served, displaced, or still there.
    @Test(arguments: 0..<200)
    func eachCallIsAnsweredOnce(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var pool = AccountPool((0..<3).map { .init("a\($0)", concurrency: Int.random(in: 1...2, using: &generator)) })
        var queue = AccountQueue()
        queue.settings.queue = 5
        var (waiting, runs): (Set<UInt64>, [(account: Int, owner: String, isProbe: Bool)]) = ([], [])
        for step in 1...300 {
            let now = Self.at(step)
            switch Int.random(in: 0..<5, using: &generator) {
            case 0, 1:
                let owner = ["ann", "bob", "cat"].randomElement(using: &generator) ?? ""
                if case .queued(_, let displaced) = queue.enter(UInt64(step), wish(owner), now: now) {
                    waiting.insert(UInt64(step))
                    if let displaced { #expect(waiting.remove(displaced) != nil) }
                }
            case 2: if let call = waiting.sorted().first { #expect(queue.abandon(call) && waiting.remove(call) != nil) }
            case 3 where !runs.isEmpty:
                let run = runs.remove(at: Int.random(in: 0..<runs.count, using: &generator))
                pool.end(run.account, model: "m", isProbe: run.isProbe)
                queue.ended(run.owner)
            default:
                let index = Int.random(in: 0..<3, using: &generator)
                _ = pool.failed(index, model: "m", Failure(.rate, retryAfter: 3), now: now)
            }
            for served in queue.serve(&pool, now: now) {
                switch served {
                case .hopeless(let call): #expect(waiting.remove(call) != nil)
                case .lent(let call, let account, let isProbe, let wish):
                    #expect(waiting.remove(call) != nil)
                    runs.append((account, wish.owner, isProbe))
                }
            }
            #expect(queue.count == waiting.count)
            for (index, member) in pool.members.enumerated() {
                #expect(runs.count { $0.account == index } <= member.concurrency)
            }
        }
    }
}
