import GatehouseCore

/// Prices, budgets and the ledger.
extension ConfigurationReader {
    func readMoney(_ root: ConfigurationSection, into tree: inout GatehouseConfiguration) {
        root.section("ledger") { section in
            section.read("enabled", .flag, into: &tree.ledger.enabled)
            section.read("keep", .duration(atLeast: .seconds(86_400)), into: &tree.ledger.keep)
        }
        tree.prices = root.items("prices", "a price with provider, model, input and output", price)
        tree.budgets = root.items("budgets", "a budget with key, user, team or organization, and amount", budgetItem)
            .compactMap { $0 }
    }

    private func price(_ section: ConfigurationSection) -> PriceConfiguration {
        let provider = section.require("provider", .price(of: "a provider or an agent, or *"))
        let model = section.require("model", .model)
        var price = PriceConfiguration(provider: provider ?? "", model: model ?? "", rates: rates(section))
        section.read("currency", .currency, into: &price.currency)
        price.tiers = section.items("tiers", "a tier with above, input and output") { tier in
            .init(above: tier.require("above", .integer(1...1_000_000_000)) ?? 1, rates: rates(tier))
        }
        section.read("perRequest", .price, into: &price.perRequest)
        section.read("maxOutput", .integer(1...1_000_000_000), into: &price.maxOutput)
        section.read("validFrom", .day, into: &price.validFrom)
        return price
    }

    private func rates(_ section: ConfigurationSection) -> PriceConfiguration.Rates {
        var rates = PriceConfiguration.Rates(
            input: section.require("input", .price) ?? "", output: section.require("output", .price) ?? "")
        section.read("cachedInput", .price, into: &rates.cachedInput)
        section.read("cacheWrite", .price, into: &rates.cacheWrite)
        section.read("cacheWriteHour", .price, into: &rates.cacheWriteHour)
        section.read("reasoning", .price, into: &rates.reasoning)
        section.read("imageInput", .price, into: &rates.imageInput)
        section.read("audioInput", .price, into: &rates.audioInput)
        section.read("audioOutput", .price, into: &rates.audioOutput)
        return rates
    }

    private func budgetItem(_ section: ConfigurationSection) -> BudgetConfiguration? {
        var owners: [(BudgetRule.Scope, String)] = []
        for scope in BudgetRule.Scope.allCases {
            var owner: String?
            section.read(scope.rawValue, .name, into: &owner)
            if let owner { owners.append((scope, owner)) }
        }
        let budget = budget(section)
        guard owners.count == 1, let (scope, owner) = owners.first else {
            if !journal.isListingKeys {
                section.report("key", "exactly one of key, user, team and organization must be set")
            }
            return nil
        }
        return BudgetConfiguration(scope, owner, budget)
    }

    /// What all budgets have.
    func budget(_ section: ConfigurationSection) -> KeyConfiguration.Budget {
        var budget = KeyConfiguration.Budget(amount: section.require("amount", .decimal) ?? "")
        section.read("currency", .currency, into: &budget.currency)
        section.read("period", .word, into: &budget.period)
        section.read("soft", .percentage, into: &budget.soft)
        section.read("unknownPrice", .word, into: &budget.unknownPrice)
        return budget
    }
}

extension ConfigurationValue where Value == Int {
    /// Of a hundred.
    fileprivate static var percentage: Self {
        Self(what: "a share such as 80%, from 1% to 100%") { text in
            guard text.utf8.last == UInt8(ascii: "%"), let share = Int(text.dropLast()), (1...100).contains(share)
            else {
                return nil
            }
            return share
        }
    }
}

extension ConfigurationValue where Value == String {
    fileprivate static var day: Self {
        Self(what: "a day such as 2026-12-01") { CivilDate($0) == nil ? nil : $0 }
    }

    /// A name, or `*`.
    fileprivate static func price(of what: String) -> Self {
        Self(what: "the name of \(what)") { $0 == "*" ? $0 : ConfigurationValue<String>.name.parse($0) }
    }
}
