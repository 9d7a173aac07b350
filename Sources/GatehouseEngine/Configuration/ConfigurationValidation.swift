import GatehouseCore

/// What is wrong between settings that are each right, and what would be unsafe.
///
/// Names and secrets that could not be read are empty here and have been reported.
struct ConfigurationValidation {
    let tree: GatehouseConfiguration
    let catalog: ConfigurationCatalog
    let journal: ConfigurationJournal

    /// The provider of the built-in models.
    static let builtInProvider = "gatehouse"
    /// The name of the key in the data directory.
    static let adminKeyName = "admin"

    func run() {
        checkListener()
        checkOrigins()
        checkUpstreamNames()
        for (index, provider) in tree.providers.enumerated() { check(provider, "providers[\(index)]") }
        for (index, agent) in tree.agents.enumerated() { check(agent, "agents[\(index)]") }
        AccountValidation(tree: tree, journal: journal).run()
        checkAliases()
        checkKeys()
        checkFiles()
        if !tree.ledger.enabled, !tree.budgetRules.isEmpty {
            journal.report("ledger.enabled", "must be true where there are budgets: they are kept with the ledger")
        }
        ConfigurationSupport(tree: tree, journal: journal).run()
    }

    // MARK: server

    private func checkListener() {
        let tls = tree.server.tls
        switch (tls.certificate, tls.key) {
        case (_?, nil): journal.report("server.tls.key", "is missing; a certificate needs its private key")
        case (nil, _?): journal.report("server.tls.certificate", "is missing; a private key needs its certificate")
        case (nil, nil):
            if !NetworkAddress.isLoopback(tree.server.host), !tree.server.allowPlaintext {
                journal.report(
                    "server.host",
                    "\"\(tree.server.host)\" can be reached from other machines and keys would travel readable; set "
                        + "server.tls, or server.allowPlaintext: true behind a proxy that does TLS")
            }
        case (_?, _?): break
        }
        for (index, network) in tree.server.trustedProxies.enumerated() where AddressRange(network) == nil {
            journal.report(
                "server.trustedProxies[\(index)]", "\"\(network)\" is not an address or a network such as 10.0.0.0/8")
        }
    }

    private func checkOrigins() {
        for (index, origin) in tree.server.cors.origins.enumerated() {
            let path = "server.cors.origins[\(index)]"
            if origin.contains("*") {
                journal.report(path, "\"\(origin)\" would let any web page call; name each origin")
            } else if HTTPLocation(origin).map({ $0.path.isEmpty }) != true {
                journal.report(path, "\"\(origin)\" is not an origin such as https://chat.example.com")
            }
        }
    }

    // MARK: files

    private func checkFiles() {
        for (index, ending) in tree.files.extensions.enumerated() {
            let letters = ending.utf8.dropFirst()
            let isEnding =
                ending.utf8.first == UInt8(ascii: ".") && (1...16).contains(letters.count)
                && letters.allSatisfy { (97...122).contains($0) || (48...57).contains($0) }
            if !isEnding {
                journal.report(
                    "files.extensions[\(index)]",
                    "\"\(ending)\" is not an ending such as .txt: a dot, then small letters "
                        + "and digits")
            }
        }
    }

    // MARK: providers and agents

    private func checkUpstreamNames() {
        var seen: [String: String] = [Self.builtInProvider: "the built-in models"]
        for (index, provider) in tree.providers.enumerated() {
            claim(provider.name, "providers[\(index)]", &seen)
        }
        for (index, agent) in tree.agents.enumerated() {
            claim(agent.name, "agents[\(index)]", &seen)
        }
    }

    private func claim(_ name: String, _ path: String, _ seen: inout [String: String]) {
        guard !name.isEmpty else { return }
        if let other = seen[name] {
            journal.report("\(path).name", "\"\(name)\" is the name of \(other) already")
        } else {
            seen[name] = path
        }
    }

    private func check(_ provider: ProviderConfiguration, _ path: String) {
        if let url = provider.baseURL.flatMap(HTTPLocation.init) {
            if !url.isSecure, !NetworkAddress.isLoopback(url.host), !provider.allowPlaintext {
                journal.report(
                    "\(path).baseURL",
                    "is plain HTTP to another machine and keys would travel readable; use https, or set "
                        + "allowPlaintext: true on this provider")
            }
        } else if provider.baseURL == nil,
            catalog.providers.contains(where: { $0.kind == provider.kind && $0.needsBaseURL })
        {
            journal.report("\(path).baseURL", "is missing; the kind \"\(provider.kind)\" has none of its own")
        }
        for need in catalog.providers.first(where: { $0.kind == provider.kind })?.needs ?? [] {
            let value = need == "region" ? provider.region : provider.project
            if value == nil { journal.report("\(path).\(need)", "is missing; the kind \"\(provider.kind)\" needs it") }
        }
        refuseRepeats(provider.keys.map(\.name), "\(path).keys", ".name")
        refuseRepeats(provider.models, "\(path).models", "")
        for header in provider.headers where !Self.isHeaderName(header.name) {
            journal.report("\(path).headers.\(header.name)", "is not a header name of letters, digits and '-'")
        }
        for header in provider.headers where Self.framingHeaders.contains(header.name.lowercased()) {
            journal.report("\(path).headers.\(header.name)", "belongs to the connection and cannot be set")
        }
        if provider.timeouts.connect > provider.timeouts.total {
            journal.report("\(path).timeouts.total", "is shorter than timeouts.connect")
        }
    }

    private static let framingHeaders: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]

    private static func isHeaderName(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 128
            && name.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
                default: false
                }
            }
    }

    private func check(_ agent: AgentConfiguration, _ path: String) {
        let described = [AgentConfiguration.customKind, AgentConfiguration.protocolKind]
        if described.contains(agent.kind), agent.command.isEmpty {
            journal.report("\(path).command", "is missing; a \(agent.kind) agent needs the path of its executable")
        }
        checkDriver(of: agent, path)
        if agent.directory != nil, agent.sandbox != .readOnly {
            journal.report(
                "\(path).directory",
                "is only read, by a sandbox; set sandbox: readOnly instead of \(agent.sandbox.rawValue)")
        }
        if agent.sandbox == .off {
            let idle = [
                ("network", agent.network != nil), ("read", !agent.read.isEmpty), ("write", !agent.write.isEmpty),
            ]
            for (key, _) in idle.filter(\.1) {
                journal.report(
                    "\(path).\(key)", "means nothing without a sandbox; leave it out, or set sandbox: readOnly")
            }
        }
        checkAccounts(of: agent, path)
        for variable in agent.environment where !ConfigurationValue<String>.isVariableName(variable.name[...]) {
            journal.report(
                "\(path).environment.\(variable.name)", "is not a variable name of letters, digits and '_'")
        }
    }

    private func checkDriver(of agent: AgentConfiguration, _ path: String) {
        let drivers = catalog.drivers(of: agent.kind)
        if let driver = agent.driver, !drivers.contains(driver) {
            let known = drivers.map(\.rawValue).joined(separator: ", ")
            journal.report("\(path).driver", "\"\(driver.rawValue)\" is none of \(agent.kind); it knows \(known)")
        }
        if (agent.driver ?? drivers.first) == .oneShot {
            var pool = agent.pool
            let usual = AgentConfiguration.Pool()
            // Calls wait for accounts of such agents as well.
            if !agent.accounts.isEmpty { (pool.queue, pool.wait) = (usual.queue, usual.wait) }
            let idle = [("pool", pool != .init()), ("permissions", agent.permissions != nil)]
            for (key, _) in idle.filter(\.1) {
                journal.report(
                    "\(path).\(key)", "means nothing for processes of one call each; leave it out, or set driver")
            }
        }
        let maximum = agent.pool.maximum ?? agent.concurrency
        if agent.pool.minimum > maximum {
            journal.report("\(path).pool.minimum", "\(agent.pool.minimum) is more than the maximum of \(maximum)")
        }
    }

    // MARK: models and keys

    private func checkAliases() {
        refuseRepeats(tree.models.map(\.name), "models", ".name")
        let upstreams = tree.providers.map(\.name) + tree.agents.map(\.name) + [Self.builtInProvider]
        for (index, alias) in tree.models.enumerated() {
            let path = "models[\(index)]"
            let first = alias.name.split(separator: "/", maxSplits: 1).first.map(String.init) ?? ""
            if upstreams.contains(first), alias.name.contains("/") || tree.agents.contains(where: { $0.name == first })
            {
                journal.report("\(path).name", "\"\(alias.name)\" is a model of \"\(first)\" already")
            }
            for (position, target) in alias.targets.enumerated() { check(target, "\(path).targets[\(position)]") }
            for (position, target) in alias.fallbacks.enumerated() { check(target, "\(path).fallbacks[\(position)]") }
            guard alias.strategy == .cost else { continue }
            for (position, target) in alias.targets.enumerated()
            where target.price.input == nil || target.price.output == nil {
                journal.report(
                    "\(path).targets[\(position)].price", "needs input and output; the strategy cost compares them")
            }
        }
    }

    private func check(_ target: ModelAliasConfiguration.Target, _ path: String) {
        let when = target.when
        if let least = when.minInput, let most = when.maxInput, least > most {
            journal.report("\(path).when.maxInput", "is less than when.minInput: the target would take nothing")
        }
        for header in when.headers where !Self.isHeaderName(header.name) {
            journal.report("\(path).when.headers.\(header.name)", "is not a header name of letters, digits and '-'")
        }
        for (list, patterns) in [("keys", when.keys)] + when.headers.map({ ("headers.\($0.name)", [$0.value]) })
        where patterns.contains(where: { $0.dropLast().contains("*") }) {
            journal.report("\(path).when.\(list)", "holds a '*' that is not at its end")
        }
        let (key, names) =
            switch target.upstream {
            case .provider: ("provider", tree.providers.map(\.name) + [Self.builtInProvider])
            case .agent: ("agent", tree.agents.map(\.name))
            }
        let name = target.upstream.name
        guard !name.isEmpty, !names.contains(name) else { return }
        let hint = NearestName.to(name, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
        journal.report("\(path).\(key)", "\"\(name)\" is not the name of any configured \(key)\(hint)")
    }

    private func checkKeys() {
        refuseRepeats([Self.adminKeyName] + tree.keys.map(\.name), "keys", ".name", offset: 1)
        for (index, key) in tree.keys.enumerated() {
            if !key.value.isEmpty, let other = tree.keys.prefix(index).firstIndex(where: { $0.value == key.value }) {
                journal.report("keys[\(index)].value", "is that of keys[\(other)] as well; each key needs its own")
            }
            for (position, pattern) in key.models.enumerated() where pattern.dropLast().contains("*") {
                journal.report(
                    "keys[\(index)].models[\(position)]", "\"\(pattern)\" holds a '*' that is not at its end")
            }
        }
    }

    /// Repeated names of accounts, and homes that mean nothing.
    private func checkAccounts(of agent: AgentConfiguration, _ path: String) {
        refuseRepeats(agent.accounts.map(\.name), "\(path).accounts", ".name")
        refuseRepeats(agent.fallbackModels, "\(path).fallbackModels", "")
        if agent.home != nil, !agent.accounts.isEmpty {
            journal.report("\(path).home", "means nothing beside accounts: each has a home of its own; leave it out")
        }
    }

    /// `offset` names stand in front that the operator did not write.
    private func refuseRepeats(_ names: [String], _ path: String, _ key: String, offset: Int = 0) {
        for (index, name) in names.enumerated() where !name.isEmpty && names.prefix(index).contains(name) {
            let isReserved = names.prefix(offset).contains(name)
            journal.report(
                "\(path)[\(index - offset)]\(key)",
                "\"\(name)\" is \(isReserved ? "taken by this gateway" : "there more than once")")
        }
    }
}
