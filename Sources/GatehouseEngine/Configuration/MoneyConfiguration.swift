package import GatehouseCore

/// What is written down of attempts. Keys below `ledger`.
package struct LedgerConfiguration: Sendable, Equatable {
    package var enabled = true
    /// How long rows are kept.
    package var keep: Duration = .seconds(366 * 86_400)

    package init() {}
}

/// A price of one's own. An item of `prices`; amounts are decimals for a million tokens, as they were written.
package struct PriceConfiguration: Sendable, Equatable {
    /// The name of a provider or agent; `*` for all.
    package var provider: String
    /// A pattern; `*` at the end stands for anything.
    package var model: String
    package var currency = "USD"
    package var rates: Rates
    package var tiers: [Tier] = []
    package var perRequest: String?
    package var maxOutput: Int?
    /// A day, `2026-12-01`; `nil` for ever.
    package var validFrom: String?

    package init(provider: String, model: String, rates: Rates) {
        self.provider = provider
        self.model = model
        self.rates = rates
    }

    package struct Rates: Sendable, Equatable {
        package var input: String
        package var output: String
        package var cachedInput: String?
        package var cacheWrite: String?
        package var cacheWriteHour: String?
        package var reasoning: String?
        package var imageInput: String?
        package var audioInput: String?
        package var audioOutput: String?

        package init(input: String, output: String) {
            self.input = input
            self.output = output
        }
    }

    package struct Tier: Sendable, Equatable {
        package var above: Int
        package var rates: Rates

        package init(above: Int, rates: Rates) {
            self.above = above
            self.rates = rates
        }
    }
}

/// A budget of a key, user, team or organisation. An item of `budgets`.
package struct BudgetConfiguration: Sendable, Equatable {
    package var scope: BudgetRule.Scope
    package var owner: String
    package var budget: KeyConfiguration.Budget

    package init(_ scope: BudgetRule.Scope, _ owner: String, _ budget: KeyConfiguration.Budget) {
        self.scope = scope
        self.owner = owner
        self.budget = budget
    }
}

extension PriceConfiguration.Rates {
    /// `nil` where one is no price, which the reader has seen to.
    fileprivate var rates: Price.Rates? {
        guard let input = TokenPrice(input), let output = TokenPrice(output) else { return nil }
        var rates = Price.Rates(input: input, output: output)
        rates.cachedInput = cachedInput.flatMap { TokenPrice($0) }
        rates.cacheWrite = cacheWrite.flatMap { TokenPrice($0) }
        rates.cacheWriteHour = cacheWriteHour.flatMap { TokenPrice($0) }
        rates.reasoning = reasoning.flatMap { TokenPrice($0) }
        rates.imageInput = imageInput.flatMap { TokenPrice($0) }
        rates.audioInput = audioInput.flatMap { TokenPrice($0) }
        rates.audioOutput = audioOutput.flatMap { TokenPrice($0) }
        return rates
    }
}

extension PriceConfiguration {
    package var entry: PriceTable.Entry? {
        guard let rates = rates.rates else { return nil }
        var price = Price(rates)
        price.tiers = tiers.compactMap { tier in tier.rates.rates.map { Price.Tier(above: tier.above, rates: $0) } }
        price.perRequest = perRequest.flatMap { Money($0) } ?? .zero
        price.maxOutput = maxOutput
        price.currency = currency
        let day = validFrom.flatMap { CivilDate($0) }?.dayNumber ?? 0
        return PriceTable.Entry(provider: provider, model: ModelPattern(model), price: price, validFrom: day * 86_400)
    }
}

extension KeyConfiguration.Budget {
    package func rule(_ scope: BudgetRule.Scope, _ owner: String) -> BudgetRule? {
        guard let limit = Money(amount) else { return nil }
        var rule = BudgetRule(scope, owner, amount: limit)
        rule.currency = currency
        rule.period = period
        rule.unknownPrice = unknownPrice
        rule.warning = soft.flatMap { limit.times($0) }?.divided(by: 100)
        return rule
    }
}

extension GatehouseConfiguration {
    package var priceTable: PriceTable { PriceTable(own: prices.compactMap(\.entry)) }

    package var budgetRules: [BudgetRule] {
        keys.compactMap { key in key.budget.flatMap { $0.rule(.key, key.name) } }
            + budgets.compactMap { $0.budget.rule($0.scope, $0.owner) }
    }
}
