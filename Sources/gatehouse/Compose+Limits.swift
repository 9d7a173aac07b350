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

    /// `nil` where no answers are kept.
    static func cache(_ settings: CacheConfiguration, _ registry: MetricsRegistry) -> ResponseCache? {
        guard settings.enabled else { return nil }
        let cache = ResponseCache(
            .init(ttl: Interval(settings.ttl), size: settings.maxSize, tools: settings.tools)
        ) { outcome in
            registry.counter(
                "gatehouse_cache_requests_total", help: "Requests that the cache of answers was asked about.",
                labels: [("outcome", outcome.rawValue)]
            ).increment()
        }
        registry.collect { text in
            text.family("gatehouse_cache_bytes", .gauge, help: "What the cache of answers holds.")
            text.sample("gatehouse_cache_bytes", Double(cache.size))
        }
        return cache
    }

    static func table(_ configuration: GatehouseConfiguration) -> RateLimitTable {
        RateLimitTable(configuration.limits.map(\.rule))
    }
}

extension Composition {
    /// What calls leave to each other and share.
    func callMemory(
        _ seals: SealMemory, _ conversations: ConversationMemory, _ loader: FileLoader, _ storage: Storage,
        _ cache: ResponseCache?, _ accounting: Accounting?
    ) -> CallMemory {
        CallMemory(
            seals: seals, conversations: conversations, files: loader,
            turns: SessionTurns(waiting: configuration.sessions.waiting), limiter: Limits.limiter(registry),
            books: .init(
                idempotency: IdempotencyDesk(storage.idempotency), cache: cache, accounting: accounting))
    }
}
