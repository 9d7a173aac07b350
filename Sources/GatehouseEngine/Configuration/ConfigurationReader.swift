import GatehouseCore
import Logging

/// Turns a document into the typed tree. This is the one place that names the keys.
struct ConfigurationReader {
    let catalog: ConfigurationCatalog
    let journal: ConfigurationJournal

    static let maximumSize = 1 << 40

    func read(_ document: ConfigurationNode?) -> GatehouseConfiguration {
        var tree = GatehouseConfiguration()
        let root = ConfigurationSection(document, path: "", journal: journal)
        root.section("server") { read($0, into: &tree.server) }
        readOperations(root, into: &tree)
        tree.providers = root.items("providers", "a provider with name, kind and keys", provider)
        tree.agents = root.items("agents", "an agent with name and kind", agent)
        tree.models = root.items("models", "a model alias with name and targets", alias)
        tree.keys = root.items("keys", "a key with name and value", key)
        tree.limits = root.items("limits", "a limit with a subject such as team and a rate", limit)
        readMoney(root, into: &tree)
        root.refuseUnknownKeys()
        return tree
    }

    /// Every setting that exists.
    static func keys() -> [ConfigurationKey] {
        let journal = ConfigurationJournal(isListingKeys: true)
        _ = ConfigurationReader(catalog: ConfigurationCatalog(), journal: journal).read(nil)
        return journal.keys
    }

    // MARK: server

    private func read(_ section: ConfigurationSection, into server: inout ServerConfiguration) {
        section.read("host", .text("a host name or an address"), into: &server.host)
        section.read("port", .integer(0...65535), into: &server.port)
        section.readList(
            "trustedProxies", .text("an address or a network such as 10.0.0.0/8"), into: &server.trustedProxies)
        section.section("cors") { cors in
            cors.readList("origins", .text("an origin such as https://chat.example.com"), into: &server.cors.origins)
        }
        section.section("tls") { tls in
            tls.read("certificate", .text("the path of a PEM file"), into: &server.tls.certificate)
            tls.read("key", .text("the path of a PEM file"), into: &server.tls.key)
        }
        section.read("allowPlaintext", .flag, into: &server.allowPlaintext)
        section.section("limits") { limits in
            limits.read("body", .size(1024...(1 << 30)), into: &server.limits.body)
            limits.read("headers", .size(1024...(1 << 20)), into: &server.limits.headers)
            limits.read("headerFields", .integer(8...10_000), into: &server.limits.headerFields)
            limits.read("uri", .size(256...(1 << 20)), into: &server.limits.uri)
            limits.read("connections", .integer(1...1_000_000), into: &server.limits.connections)
            limits.read("memory", .size((64 << 20)...(1 << 50)), into: &server.limits.memory)
        }
        section.section("timeouts") { timeouts in
            timeouts.read("header", .duration(), into: &server.timeouts.header)
            timeouts.read("body", .duration(), into: &server.timeouts.body)
            timeouts.read("idle", .duration(), into: &server.timeouts.idle)
            timeouts.read("stall", .duration(), into: &server.timeouts.stall)
        }
        section.read("workers", .integer(1...1024), into: &server.workers)
        section.read("preDrain", .duration(atLeast: .zero), into: &server.preDrain)
        section.read("drain", .duration(atLeast: .zero), into: &server.drain)
        section.read("heartbeat", .duration(atLeast: .zero), into: &server.heartbeat)
    }

    // MARK: storage, shared, files, cache, responses, artifacts, logging, telemetry

    private func readOperations(_ root: ConfigurationSection, into tree: inout GatehouseConfiguration) {
        root.section("storage") { section in
            section.read("url", .text("sqlite:PATH or postgres://USER@HOST/DATABASE"), into: &tree.storage.url)
        }
        root.section("shared") { section in
            section.read("url", .text("memory: or redis://HOST:PORT/DATABASE"), into: &tree.shared.url)
        }
        root.section("files") { section in
            section.read("url", .text("file:PATH"), into: &tree.files.url)
            section.read("maxSize", .size(1...Self.maximumSize), into: &tree.files.maxSize)
            section.readList("extensions", .text("a file extension such as .txt"), into: &tree.files.extensions)
            section.read("ttl", .duration(), into: &tree.files.ttl)
            section.read("quota", .size(1...Self.maximumSize), into: &tree.files.quota)
            section.read("maxFiles", .integer(1...10_000_000), into: &tree.files.maxFiles)
            section.read("minFree", .size(0...Self.maximumSize), into: &tree.files.minFree)
        }
        root.section("cache") { section in
            section.read("enabled", .flag, into: &tree.cache.enabled)
            section.read("ttl", .duration(), into: &tree.cache.ttl)
            section.read("maxSize", .size((1 << 20)...Self.maximumSize), into: &tree.cache.maxSize)
            section.read("tools", .flag, into: &tree.cache.tools)
        }
        root.section("responses") { section in
            section.read("ttl", .duration(), into: &tree.responses.ttl)
            section.read("maxEntry", .size(0...(1 << 30)), into: &tree.responses.maxEntry)
            section.read("maxSize", .size(0...Self.maximumSize), into: &tree.responses.maxSize)
            section.read("maxPerKey", .integer(1...1_000_000), into: &tree.responses.maxPerKey)
        }
        root.section("sessions") { section in
            section.read("waiting", .integer(0...1000), into: &tree.sessions.waiting)
        }
        root.section("artifacts") { section in
            section.read("maxSize", .size(0...Self.maximumSize), into: &tree.artifacts.maxSize)
            section.read("maxTotal", .size(0...Self.maximumSize), into: &tree.artifacts.maxTotal)
            section.read("maxFiles", .integer(0...10_000), into: &tree.artifacts.maxFiles)
            section.read("quota", .size(0...Self.maximumSize), into: &tree.artifacts.quota)
            section.read("ttl", .duration(), into: &tree.artifacts.ttl)
        }
        root.section("runs") { section in
            section.read("ttl", .duration(), into: &tree.runs.ttl)
            section.read("maxSize", .size(4096...(1 << 30)), into: &tree.runs.maxSize)
            section.read("concurrency", .integer(1...1000), into: &tree.runs.concurrency)
        }
        root.section("idempotency") { section in
            section.read("ttl", .duration(), into: &tree.idempotency.ttl)
            section.read("maxEntry", .size(4096...(64 << 20)), into: &tree.idempotency.maxEntry)
            section.read("maxSize", .size(4096...Self.maximumSize), into: &tree.idempotency.maxSize)
        }
        root.section("logging") { section in
            section.read("level", .word, into: &tree.logging.level)
            section.read("format", .word, into: &tree.logging.format)
            section.read("file", .text("a path"), into: &tree.logging.file)
            section.read("maxSize", .size(4096...Self.maximumSize), into: &tree.logging.maxSize)
            section.read("keep", .integer(1...1000), into: &tree.logging.keep)
        }
        root.section("telemetry") { section in
            section.read("metrics", .flag, into: &tree.telemetry.metrics)
            section.read("otlp", .text("a URL"), into: &tree.telemetry.otlp)
        }
    }
}
