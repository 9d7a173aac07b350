import GatehouseCore
import Testing

@testable import GatehouseUpstream

@Suite struct ResetTimeTests {
    /// 2026-08-06 14:00:00 UTC.
    private let clock = WallClock(now: 1_786_024_800, offset: 0)

    @Test(arguments: [
        ("Resets in 34m13s.", 2053), ("Please retry in 34.07s", 35),
        ("try again in 3 days 6 hours 57 minutes", 284_220),
        ("retry after 5 seconds", 5), ("Claude AI usage limit reached|1786028400", 3600),
        ("try again at 3:28 PM.", 5280),
        ("resets 3pm", 3600), ("resets 1 am", 39_600), ("try again at Aug 8th, 2026 12:30 PM", 167_400),
        ("limit reached|1786020000", 1), ("in 400 days", 31 * 86_400), ("in 2 hours and 5 minutes", 7500),
    ])
    func reads(message: String, seconds: Int) {
        #expect(ResetTime.seconds(in: message, clock: clock) == seconds)
    }

    @Test(arguments: [
        "resets 3pm (America/Los_Angeles)", "in the end", "in 5 apples", "at noon", "see page 34",
        "in 99999999999999999999 hours",
        "resets Jul 23 at 6pm (America/Los_Angeles)", "|12345678901", "at 25:00", "at 13 pm", "",
    ])
    func readsNothing(message: String) {
        #expect(ResetTime.seconds(in: message, clock: clock) == nil)
    }

    @Test func readsInTheHostsZone() {
        let east = WallClock(now: clock.now, offset: 7200)
        #expect(ResetTime.seconds(in: "try again at 5 PM", clock: east) == 3600)
        #expect(ResetTime.seconds(in: "try again at Aug 6, 2026 5:00 PM", clock: east) == 3600)
    }

    @Test(arguments: [
        ("the next generated token limits", Failure.Kind?.none), ("request id 429abc", nil), ("status 429", .rate),
        ("RESOURCE_EXHAUSTED", .rate), ("HTTP 503 from upstream", .capacity), ("Request timed out", .timeout(.own)),
    ])
    func classes(message: String, kind: Failure.Kind?) {
        #expect(FailureText.classify(message, clock: clock)?.kind == kind)
    }

    @Test func sums() {
        #expect(CostSum(nil, adding: "0.030399").text == "0.030399")
        #expect(CostSum(CostSum(nil, adding: "0.1"), adding: "0.2").text == "0.3")
        #expect(CostSum(CostSum(nil, adding: "1"), adding: "0.000000000001").text == "1.000000000001")
        #expect(CostSum(CostSum(nil, adding: "0"), adding: "0.02").text == "0.02")
        #expect(CostSum(CostSum(nil, adding: "1e-3"), adding: "0.5").text == "0.501")
    }
}
