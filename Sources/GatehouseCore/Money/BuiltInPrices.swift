/// What vendors ask for a million tokens, in dollars, as their pages told it on 2026-12-01. Prices of one's own go before
/// these (`prices` of the configuration). Models whose price is not known for certain, or changes with the hour of the day,
/// are left out: theirs is not known.
package enum BuiltInPrices {
    /// A name stands for its dated versions as well. An empty place: as much as any other input.
    private struct Row {
        var models: [String]
        var input: String
        var output: String
        var cached: String?
        var write: String?
        var writeHour: String?
        var audio: String?
        /// Input from which on other prices hold.
        var above: Int?
        /// Seconds since 1970; 0 for ever.
        var from = 0

        init(
            _ models: String..., input: String, output: String, cached: String? = nil, audio: String? = nil,
            above: Int? = nil
        ) {
            self.models = models
            self.input = input
            self.output = output
            self.cached = cached
            self.audio = audio
            self.above = above
        }

        /// Anthropic's: writing to the cache costs 1.25 of the input, for an hour twice the input.
        init(
            claude models: String..., input: String, output: String, cached: String, write: (String, String),
            above: Int? = nil, from: Int = 0
        ) {
            self.models = models
            self.input = input
            self.output = output
            self.cached = cached
            self.write = write.0
            writeHour = write.1
            self.above = above
            self.from = from
        }

        var rates: Price.Rates? {
            guard let input = TokenPrice(input), let output = TokenPrice(output) else { return nil }
            var rates = Price.Rates(input: input, output: output)
            rates.cachedInput = cached.flatMap { TokenPrice($0) }
            rates.cacheWrite = write.flatMap { TokenPrice($0) }
            rates.cacheWriteHour = writeHour.flatMap { TokenPrice($0) }
            rates.audioInput = audio.flatMap { TokenPrice($0) }
            return rates
        }
    }

    package static let all: [PriceTable.Entry] =
        entries("openai", openAI) + entries("anthropic", anthropic) + entries("gemini", gemini)
        + entries("vertex", gemini) + entries("mistral", mistral) + entries("gatehouse", own)

    /// How many there should be, were each of them readable.
    package static let rows = [openAI, anthropic, gemini, gemini, mistral, own].joined().filter { $0.above == nil }
        .reduce(0) { $0 + $1.models.count }

    /// Rows with `above` are further tiers of the row of the same name before them.
    private static func entries(_ kind: String, _ rows: [Row]) -> [PriceTable.Entry] {
        rows.filter { $0.above == nil }.flatMap { row -> [PriceTable.Entry] in
            guard let rates = row.rates else { return [] }
            var price = Price(rates)
            price.tiers = rows.filter { $0.models == row.models }.compactMap { tier in
                guard let above = tier.above, let rates = tier.rates else { return nil }
                return Price.Tier(above: above, rates: rates)
            }
            return row.models.map {
                PriceTable.Entry(provider: kind, model: ModelPattern($0), price: price, validFrom: row.from)
            }
        }
    }

    /// This gateway's own models.
    private static let own = [Row("echo", input: "0", output: "0")]

    /// Source: https://developers.openai.com/api/docs/pricing (standard processing)
    private static let openAI = [
        Row("gpt-5", "gpt-5.1", input: "1.25", output: "10", cached: "0.125"),
        Row("gpt-5-mini", input: "0.25", output: "2", cached: "0.025"),
        Row("gpt-5-nano", input: "0.05", output: "0.4", cached: "0.005"),
        Row("gpt-5.2", input: "1.75", output: "14", cached: "0.175"),
        Row("gpt-5.4-mini", input: "0.75", output: "4.5", cached: "0.075"),
        Row("gpt-4.1", input: "2", output: "8", cached: "0.5"),
        Row("gpt-4.1-mini", input: "0.4", output: "1.6", cached: "0.1"),
        Row("gpt-4.1-nano", input: "0.1", output: "0.4", cached: "0.025"),
        Row("gpt-4o", input: "2.5", output: "10", cached: "1.25"),
        Row("gpt-4o-mini", input: "0.15", output: "0.6", cached: "0.075"),
        Row("o1", input: "15", output: "60", cached: "7.5"),
        Row("o3", input: "2", output: "8", cached: "0.5"),
        Row("o3-mini", input: "1.1", output: "4.4", cached: "0.55"),
        Row("o4-mini", input: "1.1", output: "4.4", cached: "0.275"),
        Row("gpt-3.5-turbo", input: "0.5", output: "1.5"),
        Row("text-embedding-3-small", input: "0.02", output: "0.02"),
        Row("text-embedding-3-large", input: "0.13", output: "0.13"),
        Row("text-embedding-ada-002", input: "0.1", output: "0.1"),
    ]

    /// Since when reading Sonnet 5.5's cache costs half: 2026-10-07.
    private static let october = 1_791_331_200

    /// Source: https://platform.claude.com/docs/en/about-claude/pricing
    private static let anthropic = [
        Row(
            claude: "claude-opus-5", "claude-opus-4-8", "claude-opus-4-7", "claude-opus-4-6", "claude-opus-4-5",
            input: "5", output: "25", cached: "0.5", write: ("6.25", "10")),
        Row(
            claude: "claude-opus-4-1", "claude-opus-4-0", "claude-opus-4", input: "15", output: "75", cached: "1.5",
            write: ("18.75", "30")),
        Row(claude: "claude-sonnet-5", input: "2", output: "10", cached: "0.2", write: ("2.5", "4")),
        Row(claude: "claude-sonnet-5-5", input: "2", output: "10", cached: "0.2", write: ("2.5", "4")),
        Row(claude: "claude-sonnet-5-5", input: "2", output: "10", cached: "0.1", write: ("2.5", "4"), from: october),
        Row(claude: "claude-sonnet-4-6", input: "3", output: "15", cached: "0.3", write: ("3.75", "6")),
        Row(claude: "claude-haiku-4-5", input: "1", output: "5", cached: "0.1", write: ("1.25", "2")),
        Row(
            claude: "claude-3-5-haiku", "claude-3-5-haiku-latest", input: "0.8", output: "4", cached: "0.08",
            write: ("1", "1.6")),
        Row(
            claude: "claude-haiku-5-5", input: "0.1", output: "0.5", cached: "0.01", write: ("0.125", "0.2")),
        Row(
            claude: "claude-haiku-5-5", input: "0.5", output: "2.5", cached: "0.05", write: ("0.625", "1"),
            above: 100_000),
        Row(claude: "claude-fable-5", input: "10", output: "50", cached: "1", write: ("12.5", "20")),
        Row(claude: "claude-fable-5-1", input: "10", output: "50", cached: "0.25", write: ("12.5", "20")),
    ]

    /// Source: https://ai.google.dev/gemini-api/docs/pricing
    private static let gemini = [
        Row("gemini-2.5-pro", input: "1.25", output: "10", cached: "0.125"),
        Row("gemini-2.5-pro", input: "2.5", output: "15", cached: "0.25", above: 200_000),
        Row("gemini-2.5-flash", input: "0.3", output: "2.5", cached: "0.03", audio: "1"),
        Row("gemini-2.5-flash-lite", input: "0.1", output: "0.4", cached: "0.01", audio: "0.3"),
        Row("gemini-2.0-flash", "gemini-2.0-flash-001", input: "0.1", output: "0.4", cached: "0.025", audio: "0.7"),
        Row("gemini-embedding-001", input: "0.15", output: "0.15"),
    ]

    /// Source: https://mistral.ai/pricing
    private static let mistral = [
        Row("mistral-embed", input: "0.1", output: "0.1"),
        Row("codestral-latest", "codestral-2508", input: "0.3", output: "0.9"),
    ]
}
