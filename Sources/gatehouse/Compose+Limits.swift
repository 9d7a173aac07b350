import GatehouseCore
import GatehouseEngine
import GatehouseStore

/// How fast callers may call.
enum Limits {
    /// Counts what it refuses, under the name of the contract.
    static func limiter(_ registry: MetricsRegistry) -> RateLimiter {
        RateLimiter { refusal in
            registry.counter(
                "gatehouse_rate_limited_total", help: "Requests refused by a limit, by whose and of what.",
                labels: [("subject", refusal.subject.rawValue), ("quantity", refusal.quantity.rawValue)]
            ).increment()
        }
    }

    static func idempotency(_ settings: IdempotencyConfiguration) -> SQLiteIdempotencyStore.Limits {
        .init(
            ttl: max(1, Int(clamping: settings.ttl.components.seconds)), entry: settings.maxEntry,
            total: settings.maxSize)
    }

    static func table(_ configuration: GatehouseConfiguration) -> RateLimitTable {
        RateLimitTable(configuration.limits.map(\.rule))
    }
}
