import GatehouseCore
import Testing

@Suite struct MoneyTests {
    @Test(arguments: [
        ("0", "0"), ("0.00", "0"), ("10.00", "10"), ("0.15", "0.15"), ("-2.50", "-2.5"), ("007", "7"),
        ("0.000000000000000001", "0.000000000000000001"), ("123456789.987654321", "123456789.987654321"),
        ("170141183460469231731.687303715884105727", "170141183460469231731.687303715884105727"),
    ])
    func readsAndWritesDecimals(_ text: String, _ written: String) {
        #expect(Money(text)?.text == written)
    }

    @Test(arguments: [
        "", ".", "1.", ".5", "1.2.3", "+1", "1e3", "1,5", " 1", "0x10", "NaN", "--1", "-", "١",
        "0.0000000000000000001", "170141183460469231731.687303715884105728", "999999999999999999999999999999999999",
    ])
    func refusesWhatIsNoneOrCannotBeKeptExactly(_ text: String) {
        #expect(Money(text) == nil)
    }

    @Test(arguments: [
        ("1.23e-05", "0.0000123"), ("2E+3", "2000"), ("0.25", "0.25"), ("1e-30", "0"), ("1e40", nil), ("e5", nil),
        ("1e", nil), ("1e2e3", nil), ("1e99999999999999999999", nil),
    ])
    func readsNumbersOfJSON(_ text: String, _ written: String?) {
        #expect(Money(number: text)?.text == written)
    }

    /// Sums of tenths, which binary fractions get wrong.
    @Test func addsExactly() throws {
        let tenth = try #require(Money("0.1"))
        #expect(Money.sum(Array(repeating: tenth, count: 1000))?.text == "100")
        #expect(tenth.times(3) == Money("0.3"))
    }

    @Test func whatLeavesTheRangeIsNoNumber() {
        let most = Money(units: .max)
        #expect(most.adding(Money(units: 1)) == nil && most.times(2) == nil)
        #expect(Money(units: .min).subtracting(Money(units: 1)) == nil)
        #expect(Money.sum([most, most]) == nil)
        #expect(most.capped(adding: most) == most)
        #expect(Money.zero.floored(subtracting: most) == .zero)
        #expect(Money(units: .min).text == "-170141183460469231731.687303715884105728")
    }

    /// Any text that is read is written as one that is read as the same amount; sums undo themselves.
    @Test(arguments: 0..<64)
    func anyAmountSurvivesItsText(_ seed: UInt64) throws {
        var generator = GatehouseCore.SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let units = Int128(Int64.random(in: .min ... .max, using: &generator)) * 1_000_003
            let amount = Money(units: units)
            #expect(Money(amount.text) == amount)
            let other = Money(units: Int128(Int64.random(in: .min ... .max, using: &generator)))
            #expect(amount.adding(other)?.subtracting(other) == amount)
            #expect((amount < other) == (units < other.units))
        }
    }
}

@Suite struct PriceTests {
    private static func price(_ text: String) throws -> TokenPrice { try #require(TokenPrice(text)) }

    private static func twoTiers() throws -> Price {
        var low = Price.Rates(input: try price("1.25"), output: try price("10"))
        low.cachedInput = try price("0.125")
        var price = Price(low)
        price.tiers = [.init(above: 200_000, rates: .init(input: try Self.price("2.5"), output: try Self.price("15")))]
        return price
    }

    @Test func aPriceHasTwelveDigitsAtMost() {
        #expect(TokenPrice("0.000000000001")?.perToken.text == "0.000000000000000001")
        #expect(TokenPrice("0.0000000000001") == nil && TokenPrice("-1") == nil)
    }

    /// Cached, written and thought tokens are paid for once, each at its own price.
    @Test func eachTokenIsPaidForOnce() throws {
        var rates = Price.Rates(input: try Self.price("3"), output: try Self.price("15"))
        rates.cachedInput = try Self.price("0.3")
        rates.cacheWrite = try Self.price("3.75")
        rates.cacheWriteHour = try Self.price("6")
        var usage = Usage(input: 1000, output: 50, cachedInput: 600, reasoning: 20)
        usage.cacheWrite = 100
        usage.cacheWriteHour = 50
        let cost = try #require(UsageCost(usage, at: Price(rates)))
        #expect(cost.parts.map(\.kind) == [.input, .cachedInput, .cacheWrite, .cacheWriteHour, .output, .reasoning])
        #expect(cost.parts.map(\.count) == [250, 600, 100, 50, 30, 20])
        #expect(cost.total.text == "0.002355")
    }

    /// A vendor's parts that are more than their sum must not make a bill of less than nothing, nor of more than all.
    @Test func partsAreNeverMoreThanTheWhole() throws {
        var usage = Usage(input: 10, output: 5, cachedInput: 30, reasoning: 9)
        usage.cacheWrite = 7
        usage.audioInput = 10
        usage.audioOutput = 3
        let rates = Price.Rates(input: try Self.price("1"), output: try Self.price("1"))
        let cost = try #require(UsageCost(usage, at: Price(rates)))
        #expect(cost.parts.reduce(0) { $0 + $1.count } == 15)
        #expect(cost.total.text == "0.000015")
    }

    @Test func aTierIsForAllTokensOfTheRequest() throws {
        let price = try Self.twoTiers()
        #expect(UsageCost(Usage(input: 200_000, output: 1000), at: price)?.total.text == "0.26")
        #expect(UsageCost(Usage(input: 200_001, output: 1000), at: price)?.total.text == "0.5150025")
        // In the tier nothing is said of the cache: it costs what the input does.
        #expect(UsageCost(Usage(input: 300_000, output: 0, cachedInput: 300_000), at: price)?.total.text == "0.75")
    }

    @Test func theWorstCaseIsNeverLessThanWhatComes() throws {
        let price = try Self.twoTiers()
        var generator = GatehouseCore.SeededGenerator(seed: 7)
        for _ in 0..<500 {
            let input = Int.random(in: 0...400_000, using: &generator)
            let output = Int.random(in: 0...9000, using: &generator)
            let worst = try #require(price.worst(input: input, output: output))
            var usage = Usage(
                input: Int.random(in: 0...input, using: &generator),
                output: Int.random(in: 0...output, using: &generator))
            usage.cachedInput = Int.random(in: 0...usage.input, using: &generator)
            let cost = try #require(UsageCost(usage, at: price))
            #expect(cost.total <= worst)
        }
    }

    @Test func whatIsBeyondAllMoneyIsNoPrice() throws {
        let price = Price(.init(input: try Self.price("999999999999"), output: try Self.price("999999999999")))
        #expect(price.worst(input: .max, output: .max) == nil)
        #expect(UsageCost(Usage(input: .max, output: .max), at: price) == nil)
    }
}

@Suite struct PriceTableTests {
    private static func price(_ text: String) throws -> Price {
        Price(.init(input: try #require(TokenPrice(text)), output: try #require(TokenPrice(text))))
    }

    @Test func aModelThatIsNotKnownHasNoPrice() {
        let table = PriceTable()
        #expect(table.price(provider: "openai", kind: "openai", model: "gpt-99", at: 2_000_000_000) == nil)
        #expect(table.price(provider: "mine", kind: "openai-compatible", model: "gpt-4o", at: 2_000_000_000) == nil)
        #expect(table.price(provider: "gatehouse", kind: "", model: "echo", at: 0)?.rates.input.perMillion == .zero)
    }

    /// A version is its model, another model that begins like it is not.
    @Test func aDatedNameIsTheModelItIsAVersionOf() {
        let table = PriceTable()
        func input(_ kind: String, _ model: String) -> String? {
            table.price(provider: kind, kind: kind, model: model, at: 2_000_000_000)?.rates.input.perMillion.text
        }
        #expect(input("openai", "gpt-4o-2024-08-06") == "2.5" && input("openai", "gpt-4o-mini-2024-07-18") == "0.15")
        #expect(input("anthropic", "claude-haiku-4-5-20251001") == "1")
        #expect(input("openai", "gpt-4o-audio-preview") == nil && input("openai", "gpt-4o-2024-8-6") == nil)
    }

    @Test func ownPricesGoFirstAndTheMostPreciseOfThem() throws {
        let table = PriceTable(own: [
            .init(provider: "openai", model: ModelPattern("gpt-*"), price: try Self.price("1")),
            .init(provider: "openai", model: ModelPattern("gpt-4o*"), price: try Self.price("2")),
            .init(provider: "openai", model: ModelPattern("gpt-4o"), price: try Self.price("3")),
            .init(provider: "*", model: ModelPattern("*"), price: try Self.price("9")),
        ])
        func input(_ provider: String, _ model: String) -> String? {
            table.price(provider: provider, kind: "openai", model: model, at: 1)?.rates.input.perMillion.text
        }
        #expect(input("openai", "gpt-4o") == "3" && input("openai", "gpt-4o-mini") == "2")
        #expect(input("openai", "gpt-3") == "1" && input("openai", "o3") == "9" && input("other", "gpt-4o") == "9")
    }

    @Test func aCallCostsWhatWasValidWhenItWasMade() throws {
        let pattern = ModelPattern("m")
        let table = PriceTable(own: [
            .init(provider: "p", model: pattern, price: try Self.price("5"), validFrom: 100),
            .init(provider: "p", model: pattern, price: try Self.price("4"), validFrom: 200),
        ])
        func input(_ time: Int) -> String? {
            table.price(provider: "p", kind: "", model: "m", at: time)?.rates.input.perMillion.text
        }
        #expect(input(99) == nil && input(100) == "5" && input(199) == "5" && input(200) == "4")
    }

    /// Every price that is built in can be read, and a part is never dearer than a price of nothing by mistake.
    @Test func whatIsBuiltInIsWhole() {
        #expect(BuiltInPrices.all.count == BuiltInPrices.rows && BuiltInPrices.rows > 40)
        for entry in BuiltInPrices.all where entry.provider != "gatehouse" {
            #expect(entry.price.rates.input.perMillion > .zero, "\(entry.model.text)")
            #expect(
                (entry.price.rates.cachedInput ?? entry.price.rates.input).perMillion
                    <= entry.price.rates.input.perMillion)
        }
    }
}
