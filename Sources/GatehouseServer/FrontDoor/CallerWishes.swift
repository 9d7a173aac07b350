import GatehouseCore
import GatehouseEngine
import NIOCore
import NIOHTTP1

/// What a caller asks of this gateway itself, beside what it asks of a model.
struct CallerWishes {
    /// The caller's session (`X-Session-ID`).
    var session: String?
    /// The call is a turn of that session (`X-Gatehouse-Session: continue`).
    var continuesSession = false
    /// How long it will wait (`X-Gatehouse-Timeout`).
    var patience: TimeAmount?
    /// What it wants of the cache (`X-Gatehouse-Cache`).
    var cache: CacheWish?
    /// The headers that routes look at.
    var headers: [CallTraits.Header] = []

    /// - Parameter session: One that may be chosen.
    init(session: String) {
        self.session = session
    }

    /// - Throws: `invalid_value` that names the header.
    init(_ fields: RequestFields, _ all: HTTPHeaders, watched: Set<String>) throws(GatehouseError) {
        session = try fields.session.map { text throws(GatehouseError) in
            guard RequestIDGenerator.accepts(text) else {
                throw GatehouseError(
                    .invalidValue, "X-Session-ID must be 1 to 128 letters, digits, '.', '_' and '-'.",
                    param: "x-session-id")
            }
            return text
        }
        let isNamed = session != nil
        continuesSession =
            try fields.sessionWish.map { word throws(GatehouseError) in try Self.continues(word, isNamed) } ?? false
        patience = try fields.timeout.map(Self.time)
        cache = try fields.cacheWish.map(Self.cacheWish)
        guard !watched.isEmpty else { return }
        for (name, value) in all where watched.contains(name.lowercased()) {
            headers.append(.init(name: name.lowercased(), value: value))
        }
    }

    var isEmpty: Bool { session == nil && patience == nil && cache == nil && headers.isEmpty }

    /// - Throws: `invalid_value` for another word, or where no session is named.
    private static func continues(_ word: String, _ isNamed: Bool) throws(GatehouseError) -> Bool {
        guard word.lowercased() == "continue" else {
            throw GatehouseError(
                .invalidValue, "X-Gatehouse-Session must be continue.", param: "x-gatehouse-session")
        }
        guard isNamed else {
            throw GatehouseError(
                .invalidValue, "X-Gatehouse-Session: continue needs X-Session-ID beside it.", param: "x-session-id")
        }
        return true
    }

    private static func cacheWish(_ text: String) throws(GatehouseError) -> CacheWish {
        guard let wish = CacheWish(rawValue: text.lowercased()) else {
            throw GatehouseError(
                .invalidValue, "X-Gatehouse-Cache must be no-store, refresh or only-if-cached.",
                param: "x-gatehouse-cache")
        }
        return wish
    }

    /// A number of seconds, or a number with `ms`, `s`, `m` or `h`; at least a millisecond, at most a day.
    static func time(_ text: String) throws(GatehouseError) -> TimeAmount {
        let units: [(String, Double)] = [("ms", 1e-3), ("s", 1), ("m", 60), ("h", 3600), ("", 1)]
        for (unit, factor) in units where text.hasSuffix(unit) {
            let number = text.dropLast(unit.utf8.count)
            guard number.utf8.count <= 12, number.utf8.allSatisfy({ (48...57).contains($0) || $0 == 46 }),
                let value = Double(number), (0.001...86_400).contains(value * factor)
            else { break }
            return .nanoseconds(Int64(value * factor * 1e9))
        }
        throw GatehouseError(
            .invalidValue, "X-Gatehouse-Timeout must be seconds, or a number with ms, s, m or h, from 1ms to 24h.",
            param: "x-gatehouse-timeout")
    }
}
