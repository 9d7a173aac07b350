/// What an answer cost, by its tokens and a price.
///
/// `Usage` has undone the vendors' different arithmetic already: input is everything that was read and output everything
/// that was written. Here each token is paid for once, by what it was: from the cache, to the cache, sound, an image,
/// thought, or plain.
package struct UsageCost: Sendable, Equatable {
    package enum Kind: String, Sendable, CaseIterable {
        case input
        case cachedInput = "cached_input"
        case cacheWrite = "cache_write"
        case cacheWriteHour = "cache_write_hour"
        case imageInput = "image_input"
        case audioInput = "audio_input"
        case output
        case reasoning
        case audioOutput = "audio_output"
        case request
    }

    package struct Part: Sendable, Equatable {
        package var kind: Kind
        /// Tokens, or 1 for the request itself.
        package var count: Int
        package var amount: Money
    }

    /// Those that there are any of.
    package let parts: [Part]
    package let total: Money
    package let currency: String

    /// `nil` where it would be beyond all money.
    package init?(_ usage: Usage, at price: Price) {
        let rates = price.rates(input: usage.input)
        var parts: [Part] = []
        for (kind, count, rate) in Self.input(usage, rates) + Self.output(usage, rates) where count > 0 {
            guard let amount = rate.perToken.times(count) else { return nil }
            parts.append(Part(kind: kind, count: count, amount: amount))
        }
        if price.perRequest > .zero { parts.append(Part(kind: .request, count: 1, amount: price.perRequest)) }
        guard let total = Money.sum(parts.map(\.amount)) else { return nil }
        self.parts = parts
        self.total = total
        currency = price.currency
    }

    private typealias Line = (kind: Kind, count: Int, rate: TokenPrice)

    private static func input(_ usage: Usage, _ rates: Price.Rates) -> [Line] {
        var left = Remainder(usage.input)
        let cached = left.take(usage.cachedInput)
        let hour = left.take(usage.cacheWriteHour)
        let written = left.take(usage.cacheWrite)
        // Vendors do not say how much of the sound was in the cache: what is left is taken for sound first.
        let audio = left.take(usage.audioInput)
        let image = left.take(usage.imageInput)
        let write = rates.cacheWrite ?? rates.input
        return [
            (.input, left.count, rates.input), (.cachedInput, cached, rates.cachedInput ?? rates.input),
            (.cacheWrite, written, write), (.cacheWriteHour, hour, rates.cacheWriteHour ?? write),
            (.imageInput, image, rates.imageInput ?? rates.input),
            (.audioInput, audio, rates.audioInput ?? rates.input),
        ]
    }

    private static func output(_ usage: Usage, _ rates: Price.Rates) -> [Line] {
        var left = Remainder(usage.output)
        let audio = left.take(usage.audioOutput)
        let reasoning = left.take(usage.reasoning)
        return [
            (.output, left.count, rates.output), (.reasoning, reasoning, rates.reasoning ?? rates.output),
            (.audioOutput, audio, rates.audioOutput ?? rates.output),
        ]
    }

    /// What is left of a count: parts of it together are never more than all of it.
    private struct Remainder {
        private(set) var count: Int

        init(_ count: Int) {
            self.count = max(0, count)
        }

        mutating func take(_ part: Int) -> Int {
            let taken = min(count, max(0, part))
            count -= taken
            return taken
        }
    }
}
