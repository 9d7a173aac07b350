import GatehouseCore

extension ConfigurationReader {
    // MARK: providers

    func provider(_ section: ConfigurationSection) -> ProviderConfiguration {
        let name = section.require("name", .name)
        let kind = kind(section, name, among: catalog.providerKinds, "provider")
        var provider = ProviderConfiguration(name: name ?? "", kind: kind ?? "")
        section.read("baseURL", .baseURL, into: &provider.baseURL)
        section.read("allowPlaintext", .flag, into: &provider.allowPlaintext)
        section.readList("dialects", .word(of: Dialect.ofProviders), into: &provider.dialects)
        section.read("region", .name, into: &provider.region)
        section.read("project", .name, into: &provider.project)
        section.read("credentialsFile", .absolutePath, into: &provider.credentialsFile)
        section.read("instanceCredentials", .flag, into: &provider.instanceCredentials)
        section.read("apiVersion", .name, into: &provider.apiVersion)
        provider.keys = section.items("keys", "a credential with name and value", providerKey)
        section.section("timeouts") { timeouts in
            timeouts.read("connect", .duration(), into: &provider.timeouts.connect)
            timeouts.read("firstByte", .duration(), into: &provider.timeouts.firstByte)
            timeouts.read("idle", .duration(), into: &provider.timeouts.idle)
            timeouts.read("total", .duration(), into: &provider.timeouts.total)
        }
        section.section("limits") { limits in
            limits.read("concurrency", .integer(1...100_000), into: &provider.limits.concurrency)
            limits.read("queue", .integer(0...100_000), into: &provider.limits.queue)
            limits.read("wait", .duration(atLeast: .zero), into: &provider.limits.wait)
        }
        section.read("onDisconnect", .word, into: &provider.onDisconnect)
        section.readList("models", .model, into: &provider.models)
        for (name, value) in section.readTable("headers", .headerValue) {
            provider.headers.append(.init(name: name, value: value))
        }
        return provider
    }

    private func providerKey(_ section: ConfigurationSection) -> ProviderConfiguration.Key {
        var name = ProviderConfiguration.defaultKeyName
        section.read("name", .name, into: &name)
        let value = section.require("value", .secret)
        return .init(name: name, value: value ?? Secret(""))
    }

    // MARK: agents

    func agent(_ section: ConfigurationSection) -> AgentConfiguration {
        let name = section.require("name", .name)
        let kind = kind(section, name, among: catalog.agentKinds + [AgentConfiguration.customKind], "agent")
        var agent = AgentConfiguration(name: name ?? "", kind: kind ?? "")
        section.readList("command", .text("a path, or an argument"), into: &agent.command)
        section.read("prompt", .word, into: &agent.prompt)
        section.read("output", .name, into: &agent.output)
        section.read("sandbox", .word, into: &agent.sandbox)
        section.read("network", .flag, into: &agent.network)
        section.readList("read", .absolutePath, into: &agent.read)
        section.readList("write", .absolutePath, into: &agent.write)
        section.read("files", .word, into: &agent.files)
        section.read("directory", .absolutePath, into: &agent.directory)
        section.read("concurrency", .integer(1...1000), into: &agent.concurrency)
        section.read("driver", .word, into: &agent.driver)
        section.section("pool") { agentPool($0, &agent.pool) }
        section.read("permissions", .word, into: &agent.permissions)
        section.read("model", .model, into: &agent.model)
        for (name, value) in section.readTable("environment", .variable) {
            agent.environment.append(.init(name: name, value: value))
        }
        section.read("home", .absolutePath, into: &agent.home)
        agent.accounts = section.items("accounts", "an account with a name", account)
        section.readList("fallbackModels", .model, into: &agent.fallbackModels)
        section.section("timeouts") { timeouts in
            timeouts.read("handshake", .duration(), into: &agent.timeouts.handshake)
            timeouts.read("firstOutput", .duration(), into: &agent.timeouts.firstOutput)
            timeouts.read("idle", .duration(), into: &agent.timeouts.idle)
            timeouts.read("total", .duration(), into: &agent.timeouts.total)
            timeouts.read("grace", .duration(), into: &agent.timeouts.grace)
        }
        section.section("limits") { agentLimits($0, &agent.limits) }
        return agent
    }

    private func account(_ section: ConfigurationSection) -> AgentConfiguration.Account {
        var account = AgentConfiguration.Account(name: section.require("name", .name) ?? "")
        section.read("home", .absolutePath, into: &account.home)
        section.read("concurrency", .integer(1...1000), into: &account.concurrency)
        section.read("weight", .integer(1...1000), into: &account.weight)
        return account
    }

    private func agentPool(_ section: ConfigurationSection, _ pool: inout AgentConfiguration.Pool) {
        section.read("minimum", .integer(0...100), into: &pool.minimum)
        section.read("maximum", .integer(1...1000), into: &pool.maximum)
        section.read("idle", .duration(), into: &pool.idle)
        section.read("age", .duration(), into: &pool.age)
        section.read("turns", .integer(1...1_000_000), into: &pool.turns)
        section.read("memory", .size(16 << 20...1 << 40), into: &pool.memory)
        section.read("queue", .integer(0...1000), into: &pool.queue)
        section.read("wait", .duration(), into: &pool.wait)
    }

    private func agentLimits(_ section: ConfigurationSection, _ limits: inout AgentConfiguration.Limits) {
        section.read("cpu", .duration(atLeast: .seconds(1)), into: &limits.cpu)
        section.read("memory", .size(16 << 20...1 << 40), into: &limits.memory)
        section.read("processes", .integer(8...100_000), into: &limits.processes)
        section.read("openFiles", .integer(32...1_000_000), into: &limits.openFiles)
        section.read("fileSize", .size(1 << 20...1 << 40), into: &limits.fileSize)
        section.read("output", .size(1 << 10...1 << 30), into: &limits.output)
        section.read("temporary", .size(1 << 20...1 << 40), into: &limits.temporary)
    }

    /// What is not said is the name, when that is a kind as well.
    private func kind(
        _ section: ConfigurationSection, _ name: String?, among kinds: [String], _ what: String
    ) -> String? {
        var kind: String?
        section.read("kind", .text("one of \(kinds.joined(separator: ", "))"), into: &kind)
        guard let chosen = kind ?? name, kinds.contains(chosen) else {
            if let kind {
                let nearest = NearestName.to(kind, among: kinds).map { "did you mean \"\($0)\"?" }
                let hint = nearest ?? "known are \(kinds.joined(separator: ", "))"
                section.report("kind", "is not a known kind of \(what); \(hint)")
            } else if !section.has("kind"), name != nil {
                section.report("kind", "is missing; it must be one of \(kinds.joined(separator: ", "))")
            }
            return nil
        }
        return chosen
    }

    // MARK: models and keys

    func alias(_ section: ConfigurationSection) -> ModelAliasConfiguration {
        let name = section.require("name", .model)
        var alias = ModelAliasConfiguration(name: name ?? "")
        section.read("strategy", .word, into: &alias.strategy)
        alias.targets = section.items("targets", "a target with provider or agent, and model", target)
        alias.fallbacks = section.items("fallbacks", "a target with provider or agent, and model", target)
        section.read("retries", .integer(0...10), into: &alias.retries)
        section.read("sticky", .word, into: &alias.sticky)
        section.section("hedge") { hedge in hedge.read("after", .duration(), into: &alias.hedge.after) }
        if !section.has("targets") {
            section.report("targets", "is missing; an alias needs a target with provider or agent, and model")
        }
        return alias
    }

    private func target(_ section: ConfigurationSection) -> ModelAliasConfiguration.Target {
        var provider: String?
        var agent: String?
        var model: String?
        section.read("provider", .name, into: &provider)
        section.read("agent", .name, into: &agent)
        section.read("model", .model, into: &model)
        var weight = 1
        section.read("weight", .integer(1...1000), into: &weight)
        if section.has("provider") == section.has("agent") {
            section.report("provider", "either provider or agent must be set, not both")
        }
        if section.has("provider"), !section.has("model") {
            section.report("model", "is missing; it must be the name that the provider knows the model by")
        }
        let upstream = agent.map(ModelAliasConfiguration.Upstream.agent) ?? .provider(provider ?? "")
        var target = ModelAliasConfiguration.Target(upstream: upstream, model: model ?? "")
        target.weight = weight
        var features: [String] = []
        section.readList("features", .feature, into: &features)
        target.features = features.isEmpty ? nil : features
        section.section("price") { price in
            price.read("input", .price, into: &target.price.input)
            price.read("output", .price, into: &target.price.output)
        }
        section.section("when") { target.when = condition($0) }
        return target
    }

    private func condition(_ section: ConfigurationSection) -> ModelAliasConfiguration.Condition {
        var condition = ModelAliasConfiguration.Condition()
        section.readList("keys", .model, into: &condition.keys)
        for (name, value) in section.readTable("headers", .text("the value of a header")) {
            condition.headers.append(.init(name: name, value: value))
        }
        section.read("minInput", .integer(1...1_000_000_000), into: &condition.minInput)
        section.read("maxInput", .integer(1...1_000_000_000), into: &condition.maxInput)
        return condition
    }

    func key(_ section: ConfigurationSection) -> KeyConfiguration {
        let name = section.require("name", .name)
        let value = section.require("value", .secret)
        var key = KeyConfiguration(name: name ?? "", value: value ?? Secret(""))
        section.read("role", .word, into: &key.role)
        section.readList("models", .model, into: &key.models)
        section.section("rateLimit") { limit in
            var rates = RateLimitConfiguration()
            read(limit, into: &rates)
            if rates != .init() { key.rateLimit = rates }
        }
        section.section("budget") { section in
            guard section.isPresent || journal.isListingKeys else { return }
            key.budget = budget(section)
        }
        return key
    }
}
