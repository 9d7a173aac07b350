/// What a million tokens of one kind cost.
package struct TokenPrice: Sendable, Equatable {
    package let perMillion: Money
    /// Of one token: whole units, see `Money`.
    package let perToken: Money

    /// `nil` for less than nothing, and for more than twelve digits behind the point.
    package init?(perMillion: Money) {
        guard !perMillion.isNegative, perMillion.units.isMultiple(of: 1_000_000) else { return nil }
        self.perMillion = perMillion
        perToken = Money(units: perMillion.units / 1_000_000)
    }

    /// A decimal, such as `0.15`.
    package init?(_ text: String) {
        guard let amount = Money(text) else { return nil }
        self.init(perMillion: amount)
    }
}

/// What a model costs, in one currency, from some day on.
package struct Price: Sendable, Equatable {
    /// What a million tokens of each kind cost. A kind without a price of its own costs what the kind costs that it is a
    /// part of.
    package struct Rates: Sendable, Equatable {
        package var input: TokenPrice
        package var output: TokenPrice
        /// Read from the vendor's cache.
        package var cachedInput: TokenPrice?
        /// Written to the cache for its shorter lifetime, and for an hour.
        package var cacheWrite: TokenPrice?
        package var cacheWriteHour: TokenPrice?
        package var reasoning: TokenPrice?
        package var imageInput: TokenPrice?
        package var audioInput: TokenPrice?
        package var audioOutput: TokenPrice?

        package init(input: TokenPrice, output: TokenPrice) {
            self.input = input
            self.output = output
        }

        /// The dearest that a token of the input, or of the output, can cost.
        package var dearestInput: TokenPrice {
            dearest(input, [cachedInput, cacheWrite, cacheWriteHour, imageInput, audioInput])
        }

        package var dearestOutput: TokenPrice { dearest(output, [reasoning, audioOutput]) }

        private func dearest(_ first: TokenPrice, _ others: [TokenPrice?]) -> TokenPrice {
            others.compactMap { $0 }.reduce(first) { $1.perMillion > $0.perMillion ? $1 : $0 }
        }
    }

    /// Other prices for requests whose input has more than so many tokens.
    package struct Tier: Sendable, Equatable {
        package var above: Int
        package var rates: Rates

        package init(above: Int, rates: Rates) {
            self.above = above
            self.rates = rates
        }
    }

    package var rates: Rates
    package var tiers: [Tier] = []
    /// What each request costs besides its tokens.
    package var perRequest = Money.zero
    /// The most tokens that the model writes; `nil` where that is not known.
    package var maxOutput: Int?
    /// Three capital letters of ISO 4217.
    package var currency = "USD"

    package init(_ rates: Rates) {
        self.rates = rates
    }

    /// Nothing at all: a model of one's own.
    package static let free = TokenPrice(perMillion: .zero).map { Price(Rates(input: $0, output: $0)) }

    /// The rates for a request with so much input: of the highest tier that it reaches, for all of its tokens.
    package func rates(input: Int) -> Rates {
        tiers.filter { input > $0.above }.max { $0.above < $1.above }?.rates ?? rates
    }

    /// The most that a request with at most so many tokens can cost; `nil` where that is beyond all money.
    package func worst(input: Int, output: Int) -> Money? {
        let reached = [rates] + tiers.filter { input > $0.above }.map(\.rates)
        var worst = Money.zero
        for rates in reached {
            guard let read = rates.dearestInput.perToken.times(max(0, input)),
                let written = rates.dearestOutput.perToken.times(max(0, output)),
                let sum = Money.sum([read, written, perRequest])
            else { return nil }
            worst = max(worst, sum)
        }
        return worst
    }
}
