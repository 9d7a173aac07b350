/// Tokens of one answer, whatever arithmetic the vendor uses: `input` is everything read, cached or not, and includes
/// `cachedInput`, `cacheWrite`, `cacheWriteHour`, `audioInput` and `imageInput`; `output` is everything written and
/// includes `reasoning` and `audioOutput`.
package struct Usage: Sendable, Equatable {
    package var input: Int
    package var output: Int
    /// Read from the vendor's cache.
    package var cachedInput: Int
    package var reasoning: Int
    /// Written to the vendor's cache for its shorter lifetime (five minutes with Anthropic).
    package var cacheWrite = 0
    /// Written to the cache for an hour.
    package var cacheWriteHour = 0
    package var audioInput = 0
    package var audioOutput = 0
    /// Of pictures, where the vendor counts them apart.
    package var imageInput = 0
    /// The vendor's own object, for its own dialect.
    package var extensions = Extensions()

    package init(input: Int, output: Int, cachedInput: Int = 0, reasoning: Int = 0) {
        self.input = input
        self.output = output
        self.cachedInput = cachedInput
        self.reasoning = reasoning
    }

    /// Input and output together, capped at `Int.max`.
    package var total: Int { input.capped(adding: output) }

    /// Input that was neither read from nor written to a cache; never negative.
    package var uncachedInput: Int {
        max(0, input - min(input, cachedInput.capped(adding: cacheWrite).capped(adding: cacheWriteHour)))
    }

    /// The counts alone, for comparing what vendors say in different words.
    package var counts: [Int] {
        [input, output, cachedInput, reasoning, cacheWrite, cacheWriteHour, audioInput, audioOutput]
    }
}

extension Int {
    /// The sum, or `Int.max` where it would overflow. For counts from outside, which are never negative.
    package func capped(adding other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}

/// What an answer cost by the vendor's or agent's own account, in its own unit (`usd`, `premium_requests`, `credits`).
package struct Cost: Sendable, Equatable {
    package var unit: String
    /// Decimal text exactly as it was written.
    package var amount: String

    package init(unit: String, amount: String) {
        self.unit = unit
        self.amount = amount
    }
}
