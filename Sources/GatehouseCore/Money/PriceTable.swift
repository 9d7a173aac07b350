/// What models cost, and since when. A price that is not here is not known, which is not the same as nothing.
package struct PriceTable: Sendable {
    /// One price of the models of a provider.
    package struct Entry: Sendable, Equatable {
        /// The provider's name where it is the operator's own price, its kind where it is built in.
        package var provider: String
        package var model: ModelPattern
        package var price: Price
        /// Seconds since 1970.
        package var validFrom: Int

        package init(provider: String, model: ModelPattern, price: Price, validFrom: Int = 0) {
            self.provider = provider
            self.model = model
            self.price = price
            self.validFrom = validFrom
        }
    }

    /// By the provider's name.
    private let own: [String: [Entry]]
    /// By the provider's kind, then by the model's name without its date.
    private let builtIn: [String: [String: [Entry]]]

    /// - Parameters:
    ///   - own: The operator's, which go before those built in.
    ///   - builtIn: Names of models, each of which stands for its dated versions too.
    package init(own: [Entry] = [], builtIn: [Entry] = BuiltInPrices.all) {
        self.own = Dictionary(grouping: own, by: \.provider)
        self.builtIn = Dictionary(grouping: builtIn, by: \.provider).mapValues { entries in
            Dictionary(grouping: entries) { $0.model.text }
        }
    }

    /// What a model cost at a time; `nil` where that is not known.
    ///
    /// - Parameters:
    ///   - provider: Its name in the configuration.
    ///   - kind: Its kind.
    ///   - time: Seconds since 1970.
    package func price(provider: String, kind: String, model: String, at time: Int) -> Price? {
        let named = (own[provider] ?? []) + (own["*"] ?? [])
        if let entry = best(named.filter { $0.model.matches(model) }, at: time) { return entry.price }
        guard let models = builtIn[provider == "gatehouse" ? provider : kind],
            let entries = models[model] ?? models[Self.undated(model)]
        else { return nil }
        return best(entries, at: time)?.price
    }

    /// The one whose pattern says most, and of those the newest that is valid.
    private func best(_ entries: [Entry], at time: Int) -> Entry? {
        entries.filter { $0.validFrom <= time }.max { left, right in
            let (less, more) = (left.model.rank, right.model.rank)
            return less != more ? less < more : left.validFrom < right.validFrom
        }
    }

    /// The name without the date of a version: `-20250514`, `-2024-08-06`.
    private static func undated(_ model: String) -> String {
        for length in [9, 11] where model.utf8.count > length {
            let tail = Array(model.utf8.suffix(length))
            let dashes = length == 9 ? [0] : [0, 5, 8]
            let isDate = tail.enumerated().allSatisfy { index, byte in
                dashes.contains(index) ? byte == UInt8(ascii: "-") : (0x30...0x39).contains(byte)
            }
            if isDate { return String(model.dropLast(length)) }
        }
        return model
    }
}

extension ModelPattern {
    /// How much it says: a whole name more than any beginning, a longer beginning more than a shorter one.
    fileprivate var rank: Int { text.utf8.last == UInt8(ascii: "*") ? text.utf8.count : .max }
}
