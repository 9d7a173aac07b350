import GatehouseCore
import Logging

/// Writes the typed tree as a document again, every setting with its effective value.
package struct ConfigurationDocument {
    private let tree: GatehouseConfiguration

    package init(_ tree: GatehouseConfiguration) {
        self.tree = tree
    }

    /// YAML that reads back as the same configuration, but for the secrets: those are `<redacted>`.
    package var yaml: String {
        var text = ""
        YAMLText.write(node, indent: 0, to: &text)
        return text
    }

    package var node: ConfigurationNode {
        .map([
            ("server", server), ("storage", .map([("url", .text(tree.storage.url))])),
            ("shared", .map([("url", .text(tree.shared.url))])), ("files", files), ("cache", cache),
            ("responses", responses), ("sessions", .map([("waiting", .number(tree.sessions.waiting))])),
            ("artifacts", artifacts), ("runs", runs), ("idempotency", idempotency),
            ("logging", logging), ("telemetry", telemetry),
            ("providers", .list(tree.providers.map(provider))), ("agents", .list(tree.agents.map(agent))),
            ("models", .list(tree.models.map(alias))), ("keys", .list(tree.keys.map(key))),
            ("limits", .list(tree.limits.map(limit))),
            (
                "ledger",
                .map([("enabled", .flag(tree.ledger.enabled)), ("keep", .duration(tree.ledger.keep))])
            ),
            ("prices", .list(tree.prices.map(Self.price))), ("budgets", .list(tree.budgets.map(Self.budget))),
        ])
    }

    // MARK: Sections

    private var server: ConfigurationNode {
        let server = tree.server
        return .map([
            ("host", .text(server.host)), ("port", .number(server.port)),
            ("trustedProxies", .texts(server.trustedProxies)),
            ("cors", .map([("origins", .texts(server.cors.origins))])),
            ("tls", .map([("certificate", .text(server.tls.certificate)), ("key", .text(server.tls.key))])),
            ("allowPlaintext", .flag(server.allowPlaintext)),
            (
                "limits",
                .map([
                    ("body", .size(server.limits.body)), ("headers", .size(server.limits.headers)),
                    ("headerFields", .number(server.limits.headerFields)), ("uri", .size(server.limits.uri)),
                    ("connections", .number(server.limits.connections)),
                    ("memory", server.limits.memory.map { .size($0) } ?? .null),
                ])
            ),
            (
                "timeouts",
                .map([
                    ("header", .duration(server.timeouts.header)), ("body", .duration(server.timeouts.body)),
                    ("idle", .duration(server.timeouts.idle)), ("stall", .duration(server.timeouts.stall)),
                ])
            ),
            ("workers", server.workers.map(ConfigurationNode.number) ?? .null),
            ("preDrain", .duration(server.preDrain)), ("drain", .duration(server.drain)),
            ("heartbeat", .duration(server.heartbeat)),
        ])
    }

    private var files: ConfigurationNode {
        .map([
            ("url", .text(tree.files.url)), ("maxSize", .size(tree.files.maxSize)),
            ("extensions", .texts(tree.files.extensions)), ("ttl", .duration(tree.files.ttl)),
            ("quota", .size(tree.files.quota)), ("maxFiles", .number(tree.files.maxFiles)),
            ("minFree", .size(tree.files.minFree)),
        ])
    }

    private var cache: ConfigurationNode {
        .map([
            ("enabled", .flag(tree.cache.enabled)), ("ttl", .duration(tree.cache.ttl)),
            ("maxSize", .size(tree.cache.maxSize)), ("tools", .flag(tree.cache.tools)),
        ])
    }

    private var artifacts: ConfigurationNode {
        .map([
            ("maxSize", .size(tree.artifacts.maxSize)), ("maxTotal", .size(tree.artifacts.maxTotal)),
            ("maxFiles", .number(tree.artifacts.maxFiles)), ("quota", .size(tree.artifacts.quota)),
            ("ttl", .duration(tree.artifacts.ttl)),
        ])
    }

    private var runs: ConfigurationNode {
        .map([
            ("ttl", .duration(tree.runs.ttl)), ("maxSize", .size(tree.runs.maxSize)),
            ("concurrency", .number(tree.runs.concurrency)),
        ])
    }

    private var idempotency: ConfigurationNode {
        .map([
            ("ttl", .duration(tree.idempotency.ttl)), ("maxEntry", .size(tree.idempotency.maxEntry)),
            ("maxSize", .size(tree.idempotency.maxSize)),
        ])
    }

    private var responses: ConfigurationNode {
        .map([
            ("ttl", .duration(tree.responses.ttl)), ("maxEntry", .size(tree.responses.maxEntry)),
            ("maxSize", .size(tree.responses.maxSize)), ("maxPerKey", .number(tree.responses.maxPerKey)),
        ])
    }

    private var logging: ConfigurationNode {
        .map([
            ("level", .text(tree.logging.level.rawValue)), ("format", .text(tree.logging.format.rawValue)),
            ("file", .text(tree.logging.file)), ("maxSize", .size(tree.logging.maxSize)),
            ("keep", .number(tree.logging.keep)),
        ])
    }

    private var telemetry: ConfigurationNode {
        .map([("metrics", .flag(tree.telemetry.metrics)), ("otlp", .text(tree.telemetry.otlp))])
    }

    // MARK: Items

    private func provider(_ provider: ProviderConfiguration) -> ConfigurationNode {
        .map([
            ("name", .text(provider.name)), ("kind", .text(provider.kind)), ("baseURL", .text(provider.baseURL)),
            ("dialects", .list(provider.dialects.map { .text($0.rawValue) })), ("region", .text(provider.region)),
            ("project", .text(provider.project)), ("credentialsFile", .text(provider.credentialsFile)),
            ("instanceCredentials", .flag(provider.instanceCredentials)),
            ("apiVersion", .text(provider.apiVersion)), ("allowPlaintext", .flag(provider.allowPlaintext)),
            (
                "keys",
                .list(provider.keys.map { .map([("name", .text($0.name)), ("value", .text($0.value.description))]) })
            ),
            (
                "timeouts",
                .map([
                    ("connect", .duration(provider.timeouts.connect)),
                    ("firstByte", .duration(provider.timeouts.firstByte)),
                    ("idle", .duration(provider.timeouts.idle)), ("total", .duration(provider.timeouts.total)),
                ])
            ),
            (
                "limits",
                .map([
                    ("concurrency", .number(provider.limits.concurrency)), ("queue", .number(provider.limits.queue)),
                    ("wait", .duration(provider.limits.wait)),
                ])
            ),
            ("onDisconnect", .text(provider.onDisconnect.rawValue)), ("models", .texts(provider.models)),
            ("headers", .map(provider.headers.map { ($0.name, .text($0.value.description)) })),
        ])
    }

    private func agent(_ agent: AgentConfiguration) -> ConfigurationNode {
        .map([
            ("name", .text(agent.name)), ("kind", .text(agent.kind)), ("command", .texts(agent.command)),
            ("prompt", .text(agent.prompt.rawValue)), ("output", .text(agent.output)),
            ("sandbox", .text(agent.sandbox.rawValue)), ("network", agent.network.map { .flag($0) } ?? .null),
            ("read", .texts(agent.read)), ("write", .texts(agent.write)), ("files", .text(agent.files?.rawValue)),
            ("directory", .text(agent.directory)),
            ("concurrency", .number(agent.concurrency)), ("driver", .text(agent.driver?.rawValue)),
            ("pool", pool(agent.pool)), ("permissions", .text(agent.permissions?.rawValue)),
            ("model", .text(agent.model)),
            ("environment", .map(agent.environment.map { ($0.name, .text($0.value.description)) })),
            ("home", .text(agent.home)), ("accounts", .list(agent.accounts.map(account))),
            ("fallbackModels", .texts(agent.fallbackModels)),
            (
                "timeouts",
                .map([
                    ("handshake", .duration(agent.timeouts.handshake)),
                    ("firstOutput", .duration(agent.timeouts.firstOutput)),
                    ("idle", .duration(agent.timeouts.idle)), ("total", .duration(agent.timeouts.total)),
                    ("grace", .duration(agent.timeouts.grace)),
                ])
            ),
            ("limits", limits(agent.limits)),
        ])
    }

    private func account(_ account: AgentConfiguration.Account) -> ConfigurationNode {
        .map([
            ("name", .text(account.name)), ("home", .text(account.home)), ("concurrency", .number(account.concurrency)),
            ("weight", .number(account.weight)),
        ])
    }

    private func pool(_ pool: AgentConfiguration.Pool) -> ConfigurationNode {
        .map([
            ("minimum", .number(pool.minimum)), ("maximum", pool.maximum.map { .number($0) } ?? .null),
            ("idle", .duration(pool.idle)), ("age", .duration(pool.age)), ("turns", .number(pool.turns)),
            ("memory", .size(pool.memory)), ("queue", .number(pool.queue)), ("wait", .duration(pool.wait)),
        ])
    }

    private func limits(_ limits: AgentConfiguration.Limits) -> ConfigurationNode {
        .map([
            ("cpu", .duration(limits.cpu)), ("memory", limits.memory.map { .size($0) } ?? .null),
            ("processes", .number(limits.processes)), ("openFiles", .number(limits.openFiles)),
            ("fileSize", .size(limits.fileSize)), ("output", .size(limits.output)),
            ("temporary", .size(limits.temporary)),
        ])
    }

    private func alias(_ alias: ModelAliasConfiguration) -> ConfigurationNode {
        .map([
            ("name", .text(alias.name)), ("strategy", .text(alias.strategy.rawValue)),
            ("targets", .list(alias.targets.map(target))), ("fallbacks", .list(alias.fallbacks.map(target))),
            ("retries", .number(alias.retries)), ("sticky", .text(alias.sticky.rawValue)),
            ("hedge", .map([("after", alias.hedge.after.map { .duration($0) } ?? .null)])),
        ])
    }

    private func target(_ target: ModelAliasConfiguration.Target) -> ConfigurationNode {
        let upstream =
            switch target.upstream {
            case .provider(let name): ("provider", ConfigurationNode.text(name))
            case .agent(let name): ("agent", ConfigurationNode.text(name))
            }
        return .map([
            upstream, ("model", .text(target.model.isEmpty ? nil : target.model)), ("weight", .number(target.weight)),
            ("when", condition(target.when)), ("features", target.features.map { .texts($0) } ?? .null),
            ("price", .map([("input", .text(target.price.input)), ("output", .text(target.price.output))])),
        ])
    }

    private func condition(_ condition: ModelAliasConfiguration.Condition) -> ConfigurationNode {
        .map([
            ("keys", .texts(condition.keys)),
            ("headers", .map(condition.headers.map { ($0.name, .text($0.value)) })),
            ("minInput", condition.minInput.map { .number($0) } ?? .null),
            ("maxInput", condition.maxInput.map { .number($0) } ?? .null),
        ])
    }

    private func key(_ key: KeyConfiguration) -> ConfigurationNode {
        var pairs: [(String, ConfigurationNode)] = [
            ("name", .text(key.name)), ("value", .text(key.value.description)), ("role", .text(key.role.rawValue)),
            ("models", .texts(key.models)),
        ]
        if let limit = key.rateLimit { pairs.append(("rateLimit", .map(rates(limit)))) }
        if let budget = key.budget {
            pairs.append(("budget", .map(Self.fields(budget))))
        }
        return .map(pairs)
    }
}

extension ConfigurationDocument {
    private func rates(_ limit: RateLimitConfiguration) -> [(String, ConfigurationNode)] {
        let rates = [("requests", limit.requests), ("tokens", limit.tokens), ("uploads", limit.uploads)]
        let counts = [("concurrency", limit.concurrency), ("burst", limit.burst)]
        return rates.compactMap { name, rate in rate.map { (name, .text($0.text)) } }
            + counts.compactMap { name, count in count.map { (name, .number($0)) } }
    }

    private func limit(_ limit: LimitConfiguration) -> ConfigurationNode {
        .map([(limit.subject.rawValue, .text(limit.pattern))] + rates(limit.rates))
    }
}

/// Prices and budgets.
extension ConfigurationDocument {
    fileprivate static func fields(_ budget: KeyConfiguration.Budget) -> [(String, ConfigurationNode)] {
        var fields: [(String, ConfigurationNode)] = [
            ("amount", .text(budget.amount)), ("currency", .text(budget.currency)),
            ("period", .text(budget.period.rawValue)),
        ]
        if let soft = budget.soft { fields.append(("soft", .text("\(soft)%"))) }
        fields.append(("unknownPrice", .text(budget.unknownPrice.rawValue)))
        return fields
    }

    fileprivate static func budget(_ item: BudgetConfiguration) -> ConfigurationNode {
        .map([(item.scope.rawValue, .text(item.owner))] + fields(item.budget))
    }

    fileprivate static func price(_ price: PriceConfiguration) -> ConfigurationNode {
        var fields: [(String, ConfigurationNode)] = [
            ("provider", .text(price.provider)), ("model", .text(price.model)), ("currency", .text(price.currency)),
        ]
        fields += rates(price.rates)
        fields.append(("tiers", .list(price.tiers.map { .map([("above", .number($0.above))] + rates($0.rates)) })))
        if let amount = price.perRequest { fields.append(("perRequest", .text(amount))) }
        if let count = price.maxOutput { fields.append(("maxOutput", .number(count))) }
        if let day = price.validFrom { fields.append(("validFrom", .text(day))) }
        return .map(fields)
    }

    private static func rates(_ rates: PriceConfiguration.Rates) -> [(String, ConfigurationNode)] {
        let all: [(String, String?)] = [
            ("input", rates.input), ("output", rates.output), ("cachedInput", rates.cachedInput),
            ("cacheWrite", rates.cacheWrite), ("cacheWriteHour", rates.cacheWriteHour),
            ("reasoning", rates.reasoning), ("imageInput", rates.imageInput), ("audioInput", rates.audioInput),
            ("audioOutput", rates.audioOutput),
        ]
        return all.compactMap { name, amount in amount.map { (name, .text($0)) } }
    }
}

extension ConfigurationNode {
    fileprivate static let null = ConfigurationNode(.null)

    fileprivate static func text(_ text: String?) -> ConfigurationNode {
        text.map { .text($0, origin: .unknown) } ?? .null
    }

    fileprivate static func texts(_ texts: [String]) -> ConfigurationNode {
        .list(texts.map { .text($0, origin: .unknown) })
    }

    fileprivate static func number(_ number: Int) -> ConfigurationNode { .text("\(number)", origin: .unknown) }
    fileprivate static func flag(_ flag: Bool) -> ConfigurationNode { .text("\(flag)", origin: .unknown) }
    fileprivate static func size(_ bytes: Int) -> ConfigurationNode { .text(SizeText.write(bytes), origin: .unknown) }

    fileprivate static func duration(_ duration: Duration) -> ConfigurationNode {
        .text(DurationText.write(duration), origin: .unknown)
    }
}

/// Block YAML for documents of our own making, a few levels deep.
private enum YAMLText {
    static func write(_ node: ConfigurationNode, indent: Int, to text: inout String) {
        switch node.content {
        case .null, .scalar: text += inline(node) + "\n"
        case .map(let entries):
            for entry in entries { write(entry, indent: indent, first: false, to: &text) }
        case .list(let items):
            let pad = String(repeating: " ", count: indent)
            for item in items {
                guard case .map(let entries) = item.content else {
                    text += "\(pad)- \(inline(item))\n"
                    continue
                }
                text += "\(pad)- "
                for (index, entry) in entries.enumerated() {
                    write(entry, indent: indent + 2, first: index == 0, to: &text)
                }
            }
        }
    }

    /// `first` stands behind the dash of its list already.
    private static func write(_ entry: ConfigurationNode.Entry, indent: Int, first: Bool, to text: inout String) {
        text += (first ? "" : String(repeating: " ", count: indent)) + scalar(entry.key) + ":"
        switch entry.value.content {
        case .map(let entries) where !entries.isEmpty:
            text += "\n"
            write(entry.value, indent: indent + 2, to: &text)
        case .list(let items) where items.contains { if case .map = $0.content { true } else { false } }:
            text += "\n"
            write(entry.value, indent: indent + 2, to: &text)
        default: text += " \(inline(entry.value))\n"
        }
    }

    private static func inline(_ node: ConfigurationNode) -> String {
        switch node.content {
        case .null: "null"
        case .scalar(let value): scalar(value.text)
        case .map: "{}"
        case .list(let items): "[" + items.map(inline).joined(separator: ", ") + "]"
        }
    }

    /// Plain where nobody can take it for anything else, else in double quotes. A `${` is kept from being read as a
    /// variable.
    private static func scalar(_ value: String) -> String {
        let isNull = ["null", "Null", "NULL"].contains(value)
        if !isNull, value == "<redacted>" || isPlain(value) { return value }
        var out = "\""
        for unit in value.replacing("${", with: "$${").unicodeScalars {
            switch unit {
            case "\"", "\\": out += "\\\(unit)"
            case _ where unit.value < 0x20 || unit.value == 0x7F:
                let digits = String(unit.value, radix: 16)
                out += "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
            default: out.unicodeScalars.append(unit)
            }
        }
        return out + "\""
    }

    private static func isPlain(_ value: String) -> Bool {
        guard let first = value.utf8.first, let last = value.utf8.last else { return false }
        return value.utf8.allSatisfy(isPlainByte) && !":-".utf8.contains(first) && last != UInt8(ascii: ":")
    }

    private static func isPlainByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: "/._-:".utf8.contains(byte)
        }
    }
}
