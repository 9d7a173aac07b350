import GatehouseCore
import Testing

@Suite struct LoadShedderTests {
    private func refused(_ shedder: inout LoadShedder, of count: Int) -> Int {
        (0..<count).count { _ in !shedder.admits() }
    }

    @Test func aLoopThatKeepsUpRefusesNobody() {
        var shedder = LoadShedder()
        for _ in 0..<100 { shedder.observe(lateness: .milliseconds(100)) }
        #expect(refused(&shedder, of: 1000) == 0)
    }

    @Test func oneLateTimerIsNoOverload() {
        var shedder = LoadShedder()
        for _ in 0..<50 {
            shedder.observe(lateness: .seconds(3))
            shedder.observe(lateness: .zero)
        }
        #expect(refused(&shedder, of: 1000) == 0)
    }

    @Test func theShareGrowsAndShrinksAgain() {
        var shedder = LoadShedder()
        for _ in 0..<5 { shedder.observe(lateness: .milliseconds(300)) }
        #expect(refused(&shedder, of: 1000) == 200)
        for _ in 0..<100 { shedder.observe(lateness: .milliseconds(300)) }
        #expect(refused(&shedder, of: 1000) == 950, "some are always taken")
        for _ in 0..<19 { shedder.observe(lateness: .zero) }
        #expect(refused(&shedder, of: 1000) == 0)
    }

    /// A loop that serves a hundred calls between two samples: whatever comes, what it takes settles near that.
    @Test(arguments: [150, 300, 1000])
    func itSettlesWhereTheLoopKeepsUp(offered: Int) {
        var shedder = LoadShedder()
        var backlog = 0
        var taken = 0
        for round in 0..<400 {
            let admitted = (0..<offered).count { _ in shedder.admits() }
            backlog = max(0, backlog + admitted - 100)
            shedder.observe(lateness: .milliseconds(backlog))
            if round >= 200 { taken += min(100, admitted + backlog) }
        }
        #expect(taken >= 200 * 90, "goodput stays: \(taken)")
        #expect(backlog < 2000)
    }
}
