import GatehouseCore
import GatehouseEngine
import Logging
import Testing

@testable import gatehouse

@Suite struct ConfigurationLoadingTests {
    @Test func withoutAFileAllIsDefault() throws {
        #expect(try load(nil).get() == GatehouseConfiguration())
        #expect(try load("").get() == GatehouseConfiguration())
        #expect(try load("# only a comment\n").get() == GatehouseConfiguration())
    }

    @Test func defaultsAreThoseOfTheContract() throws {
        let tree = try load(nil).get()
        #expect(tree.server.host == "127.0.0.1")
        #expect(tree.server.port == 8080)
        #expect(tree.server.limits.body == 16 * 1024 * 1024)
        #expect(tree.server.limits.headers == 32 * 1024)
        #expect(tree.server.limits.headerFields == 100)
        #expect(tree.server.limits.uri == 8 * 1024)
        #expect(tree.server.limits.connections == 10_000)
        #expect(tree.server.drain == .seconds(600))
        #expect(tree.files.quota == 1024 * 1024 * 1024)
        let provider = ProviderConfiguration(name: "a", kind: "openai")
        #expect(provider.timeouts.total == .seconds(1800))
        #expect(provider.onDisconnect == .cancel)
    }

    @Test func readsEverySection() throws {
        let tree = try load(
            """
            server:
              { host: localhost, port: 0, workers: 3, drain: 1m, limits: { body: 1MiB, connections: 5 },
                timeouts: { header: 500ms, idle: 2h } }
            logging: { level: debug, format: json, file: log.jsonl, maxSize: 1MB, keep: 2 }
            telemetry: { metrics: false }
            providers:
              - name: main
                kind: openai
                baseURL: http://127.0.0.1:9/v1
                keys: [ { name: k, value: "${KEY}" } ]
                timeouts: { connect: 1s, firstByte: 2s, idle: 3s, total: 4s }
                models: [gpt-4o, gpt-4o-mini]
                headers: { X-Team: blue team }
            agents:
              - { name: g, kind: gemini, command: gemini, model: gemini-2.5-pro, concurrency: 2, sandbox: off,
                  environment: { GEMINI_API_KEY: "${KEY}" }, home: /home/g, timeouts: { grace: 1s } }
              - { name: mine, kind: custom, command: [/usr/bin/mytool, --json], prompt: file, output: claude }
            models:
              - { name: fast, targets: [ { provider: main, model: gpt-4o-mini } ] }
              - { name: smart, targets: [ { agent: g } ] }
            keys:
              - { name: ci, value: "${KEY}", models: ["main/*", fast], role: admin }
            """, ["KEY": "sk-test"]
        ).get()
        #expect(tree.server.host == "localhost")
        #expect(tree.server.port == 0)
        #expect(tree.server.workers == 3)
        #expect(tree.server.drain == .seconds(60))
        #expect(tree.server.limits.body == 1 << 20)
        #expect(tree.server.timeouts.header == .milliseconds(500))
        #expect(tree.server.timeouts.idle == .seconds(7200))
        #expect(tree.server.timeouts.body == .seconds(30))
        #expect(tree.logging.level == .debug)
        #expect(tree.logging.file == "log.jsonl")
        #expect(tree.logging.maxSize == 1_000_000)
        #expect(!tree.telemetry.metrics)
        let provider = try #require(tree.providers.first)
        #expect(provider.keys == [.init(name: "k", value: Secret("sk-test"))])
        #expect(provider.timeouts.firstByte == .seconds(2))
        #expect(provider.models == ["gpt-4o", "gpt-4o-mini"])
        #expect(provider.headers == [.init(name: "X-Team", value: Secret("blue team"))])
        #expect(tree.agents.map(\.command) == [["gemini"], ["/usr/bin/mytool", "--json"]])
        #expect(tree.agents[0].environment == [.init(name: "GEMINI_API_KEY", value: Secret("sk-test"))])
        #expect(tree.agents[0].home == "/home/g")
        #expect(tree.agents[0].timeouts.grace == .seconds(1))
        #expect(tree.agents[1].prompt == .file)
        #expect(tree.agents[1].output == "claude")
        #expect(tree.models[0].targets == [.init(upstream: .provider("main"), model: "gpt-4o-mini")])
        #expect(tree.models[1].targets == [.init(upstream: .agent("g"), model: "")])
        #expect(tree.keys[0].virtualKey.role == .admin)
        #expect(tree.keys[0].virtualKey.models == [ModelPattern("main/*"), ModelPattern("fast")])
    }

    @Test func aKindMayGoWithoutSayingWhenItIsTheName() throws {
        let tree = try load("providers: [ { name: openai } ]\nagents: [ { name: claude } ]").get()
        #expect(tree.providers[0].kind == "openai")
        #expect(tree.agents[0].kind == "claude")
    }

    @Test(arguments: ["127.0.0.1", "127.9.8.7", "localhost", "LOCALHOST", "\"::1\""])
    func loopbackNeedsNoTLS(_ host: String) throws {
        #expect(throws: Never.self) { try load("server: { host: \(host) }").get() }
    }

    @Test func othersMayListenInTheOpenWhenTheySaySo() throws {
        #expect(try load("server: { host: 0.0.0.0, allowPlaintext: true }").get().server.host == "0.0.0.0")
        let provider = "providers: [ { name: openai, baseURL: http://10.1.2.3/v1, allowPlaintext: true } ]"
        #expect(try load(provider).get().providers[0].baseURL == "http://10.1.2.3/v1")
    }

    // MARK: Variables

    @Test func theEnvironmentIsOverTheFileAndTheCommandLineOverBoth() throws {
        let yaml = "server: { port: 1, host: 127.0.0.2, limits: { body: 1MiB } }"
        let variables = ["GATEHOUSE_SERVER_PORT": "2", "GATEHOUSE_SERVER_LIMITS_BODY": "2MiB"]
        #expect(try load(yaml).get().server.port == 1)
        let over = try load(yaml, variables).get().server
        #expect(over.port == 2)
        #expect(over.limits.body == 2 << 20)
        #expect(over.host == "127.0.0.2")
        let option = ConfigurationBuilder.Override(path: "server.port", value: "3", option: "--port")
        #expect(try load(yaml, variables, overrides: [option]).get().server.port == 3)
    }

    @Test func variablesReachEveryShape() throws {
        let tree = try load(
            nil,
            [
                "GATEHOUSE_SERVER_ALLOW_PLAINTEXT": "true", "GATEHOUSE_SERVER_LIMITS_HEADER_FIELDS": "50",
                "GATEHOUSE_LOGGING_LEVEL": "warning", "GATEHOUSE_LOGGING_FILE": "/var/log/gatehouse",
                "GATEHOUSE_LOGGING_MAX_SIZE": "1MiB", "GATEHOUSE_TELEMETRY_METRICS": "false",
            ]
        ).get()
        #expect(tree.server.allowPlaintext)
        #expect(tree.server.limits.headerFields == 50)
        #expect(tree.logging.level == .warning)
        #expect(tree.logging.file == "/var/log/gatehouse")
        #expect(tree.logging.maxSize == 1 << 20)
        #expect(!tree.telemetry.metrics)
    }

    @Test func aVariableWithCommasIsAList() {
        let result = load(nil, ["GATEHOUSE_SERVER_TRUSTED_PROXIES": "10.0.0.1, nonsense"])
        #expect(
            messages(result) == [
                "server.trustedProxies[1]: \"nonsense\" is not an address or a network such as 10.0.0.0/8"
                    + " (GATEHOUSE_SERVER_TRUSTED_PROXIES)"
            ])
    }

    @Test func aWrongVariableIsNamed() {
        #expect(
            messages(load(nil, ["GATEHOUSE_SERVER_PORT": "eighty"])) == [
                "server.port: \"eighty\" is not a whole number from 0 to 65535 (GATEHOUSE_SERVER_PORT)"
            ])
        #expect(
            messages(load(nil, ["GATEHOUSE_SERVER_POTR": "1"])) == [
                "GATEHOUSE_SERVER_POTR: is not a known variable; did you mean GATEHOUSE_SERVER_PORT?"
            ])
        let option = ConfigurationBuilder.Override(path: "server.host", value: "0.0.0.0", option: "--host")
        #expect(messages(load(nil, overrides: [option])).first?.hasSuffix("(--host)") == true)
    }

    @Test func variablesOfOthersAreLeftAlone() throws {
        let variables = [
            "GATEHOUSE_CONFIG": "x", "GATEHOUSE_DATA_DIR": "y", "GATEHOUSE_API_KEY": "z", "GATEHOUSE_URL": "u",
            "GATEHOUSE_SERVICE_HOST": "10.0.0.1", "GATEHOUSE_SERVICE_PORT": "80", "GATEHOUSE_SERVICE_PORT_HTTP": "80",
            "GATEHOUSE_PORT": "tcp://10.0.0.1:80", "GATEHOUSE_PORT_80_TCP_ADDR": "10.0.0.1", "GATEHOUSEX": "1",
        ]
        #expect(try load(nil, variables).get() == GatehouseConfiguration())
    }

    @Test func aVariableMayNameAFile() throws {
        let files = ["port": "9\n", "key": "sk-file\r\n\n"]
        let tree = try load(
            "keys: [ { name: ci, value: \"${CI_KEY}\" } ]",
            ["GATEHOUSE_SERVER_PORT_FILE": "{FILES}/port", "CI_KEY_FILE": "{FILES}/key"], files: files
        ).get()
        #expect(tree.server.port == 9)
        #expect(tree.keys[0].value == Secret("sk-file"))
    }

    @Test func aFileThatCannotBeHadIsNamedByItsVariable() {
        let both = ["GATEHOUSE_SERVER_PORT": "1", "GATEHOUSE_SERVER_PORT_FILE": "{FILES}/port"]
        #expect(
            messages(load(nil, both, files: ["port": "2"])).first
                == "server.port: GATEHOUSE_SERVER_PORT and GATEHOUSE_SERVER_PORT_FILE are both set; keep one"
                + " (GATEHOUSE_SERVER_PORT)")
        #expect(
            messages(load(nil, ["GATEHOUSE_SERVER_PORT_FILE": "{FILES}/none"])) == [
                "server.port: the file that GATEHOUSE_SERVER_PORT_FILE names cannot be read: No such file or directory"
                    + " (GATEHOUSE_SERVER_PORT_FILE)"
            ])
        let result = load(nil, ["GATEHOUSE_SERVER_PORT_FILE": "{FILES}/secret"], files: ["secret": "sk-hidden"])
        #expect(!"\(result)".contains("sk-hidden"))
    }

    @Test(arguments: [
        ("${A}", "1"), ("x${A}y", "x1y"), ("${A}${B}", "12"), ("${NONE:-other}", "other"), ("${EMPTY:-other}", "other"),
        ("${A:-other}", "1"), ("${NONE:-}x", "x"), ("$${A}", "${A}"), ("$A", "$A"), ("a$b", "a$b"), ("${EMPTY}z", "z"),
        ("${TRICK}", "${A}"),
    ])
    func variablesArePutIntoScalars(_ written: String, _ expected: String) throws {
        let yaml = "logging: { file: \"\(written)\" }"
        let tree = try load(yaml, ["A": "1", "B": "2", "EMPTY": "", "TRICK": "${A}"]).get()
        #expect(tree.logging.file == expected)
    }

    @Test(arguments: [
        ("${NOPE}", "the variable NOPE is not set; set it, or NOPE_FILE, or write ${NOPE:-otherwise}"),
        ("${NOPE", "\"${\" without \"}\"; write \"$${\" for the characters themselves"),
        ("${}", "\"${}\" does not name a variable; write ${NAME} or ${NAME:-otherwise}"),
        ("${A B}", "\"${A B}\" does not name a variable; write ${NAME} or ${NAME:-otherwise}"),
        ("${1A}", "\"${1A}\" does not name a variable; write ${NAME} or ${NAME:-otherwise}"),
    ])
    func wrongVariablesAreTold(_ written: String, _ message: String) {
        let result = load("keys:\n  - name: ci\n    value: \"\(written)\"\n")
        #expect(messages(result) == ["keys[0].value: \(message) (line 3)"])
    }

    // MARK: Discovery

    @Test func withoutAFileProvidersAndAgentsAreFound() throws {
        let found = [
            ConfigurationCatalog.Agent(name: "claude", kind: "claude", executable: "/bin/claude"),
            ConfigurationCatalog.Agent(name: "openai", kind: "gemini", executable: "/bin/openai"),
        ]
        let tree = try load(nil, ["OPENAI_API_KEY": "sk-1", "GROQ_API_KEY": ""], found: found).get()
        #expect(tree.providers.map(\.name) == ["openai"])
        #expect(tree.providers[0].keys == [.init(name: "main", value: Secret("sk-1"))])
        #expect(tree.agents.map(\.name) == ["claude", "openai-cli"])
        #expect(tree.agents[0].command == ["/bin/claude"])
    }

    @Test func aFileSaysAllThereIs() throws {
        let found = [ConfigurationCatalog.Agent(name: "claude", kind: "claude", executable: "/bin/claude")]
        let tree = try load("server: { port: 1 }", ["OPENAI_API_KEY": "sk-1"], found: found).get()
        #expect(tree.providers.isEmpty)
        #expect(tree.agents.isEmpty)
    }

    @Test func aFoundKeyThatCannotBeSentIsTold() {
        #expect(
            messages(load(nil, ["OPENAI_API_KEY": "sk 1"])) == [
                "OPENAI_API_KEY: its value is not a secret of visible characters without spaces"
            ])
    }

    // MARK: Printing

    @Test func whatIsPrintedReadsBackAsTheSame() throws {
        let yaml = """
            server: { port: 9, limits: { body: 2000 }, timeouts: { idle: 90s, header: 1500ms }, drain: 36h }
            logging: { file: "odd: name # \\"here\\" $${x}" }
            providers:
              - { name: openai, keys: [ { value: <redacted> } ], models: ["null", "a:b", "-x"],
                  headers: { X-A: <redacted> } }
              - { name: groq, baseURL: https://api.example.com }
            agents: [ { name: mine, kind: custom, command: [/bin/x, "", "a b"] } ]
            models: [ { name: fast, targets: [ { provider: groq, model: m } ] } ]
            keys: [ { name: ci, value: <redacted>, models: ["*"] } ]
            """
        let tree = try load(yaml.replacing("\"\", ", with: "")).get()
        let printed = ConfigurationDocument(tree).yaml
        #expect(try load(printed).get() == tree)
        #expect(try load(ConfigurationDocument(GatehouseConfiguration()).yaml).get() == GatehouseConfiguration())
    }

    @Test func whatIsPrintedHoldsNoSecret() throws {
        let yaml = """
            providers: [ { name: openai, keys: [ { value: sk-hidden-a } ], headers: { X-A: sk-hidden-b } } ]
            agents: [ { name: claude, environment: { K: sk-hidden-c } } ]
            keys: [ { name: ci, value: sk-hidden-d } ]
            """
        let printed = ConfigurationDocument(try load(yaml).get()).yaml
        #expect(!printed.contains("sk-hidden"))
        #expect(printed.components(of: "<redacted>") == 4)
    }

    @Test func everySettingIsPrinted() throws {
        var tree = GatehouseConfiguration()
        var provider = ProviderConfiguration(name: "p", kind: "openai")
        provider.keys = [.init(name: "k", value: Secret("v"))]
        provider.headers = [.init(name: "H", value: Secret("v"))]
        var agent = AgentConfiguration(name: "a", kind: "claude")
        agent.environment = [.init(name: "V", value: Secret("v"))]
        agent.accounts = [.init(name: "x")]
        var alias = ModelAliasConfiguration(name: "m")
        alias.targets = [.init(upstream: .provider("p"), model: "m"), .init(upstream: .agent("a"), model: "m")]
        alias.fallbacks = alias.targets
        var key = KeyConfiguration(name: "k", value: Secret("v"))
        var limit = RateLimitConfiguration()
        limit.requests = Rate(count: 60, period: .seconds(60))
        limit.tokens = Rate(count: 5, period: .seconds(86_400))
        key.rateLimit = limit
        var budget = KeyConfiguration.Budget(amount: "10.00")
        budget.soft = 80
        key.budget = budget
        tree.budgets = BudgetRule.Scope.allCases.map { BudgetConfiguration($0, "x", budget) }
        tree.prices = [Self.price]
        tree.providers = [provider]
        tree.agents = [agent]
        tree.models = [alias]
        limit.uploads = Rate(count: 5, period: .seconds(3600))
        (limit.concurrency, limit.burst) = (3, 7)
        key.rateLimit = limit
        tree.keys = [key]
        tree.limits = RateLimits.Subject.allCases.map { LimitConfiguration($0, "x") }
        for index in tree.limits.indices { tree.limits[index].rates = limit }
        var printed: Set<String> = []
        collect(ConfigurationDocument(tree).node, "", into: &printed)
        let tables = ["providers[].headers", "agents[].environment"]
        let flat = Set(printed.filter { path in !tables.contains { path.hasPrefix($0 + ".") } })
        let known = Set(ConfigurationBuilder.keys().filter { $0.shape != .items }.map(\.path))
        #expect(flat == known)
    }

    /// With everything that a price can have.
    private static var price: PriceConfiguration {
        var rates = PriceConfiguration.Rates(input: "1", output: "2")
        (rates.cachedInput, rates.cacheWrite, rates.cacheWriteHour) = ("3", "4", "5")
        (rates.reasoning, rates.imageInput) = ("6", "7")
        (rates.audioInput, rates.audioOutput) = ("8", "9")
        var price = PriceConfiguration(provider: "p", model: "m", rates: rates)
        price.tiers = [.init(above: 1000, rates: rates)]
        (price.perRequest, price.maxOutput, price.validFrom) = ("0.1", 4096, "2026-12-01")
        return price
    }

    private func collect(_ node: ConfigurationNode, _ path: String, into paths: inout Set<String>) {
        switch node.content {
        case .map(let entries):
            if path.hasSuffix("headers") || path.hasSuffix("environment") { paths.insert(path) }
            for entry in entries {
                collect(entry.value, path.isEmpty ? entry.key : "\(path).\(entry.key)", into: &paths)
            }
        case .list(let items):
            let groups = items.filter { if case .map = $0.content { true } else { false } }
            if groups.isEmpty, !path.hasSuffix("s[]") { paths.insert(path) }
            for group in groups { collect(group, path + "[]", into: &paths) }
        case .scalar, .null: paths.insert(path)
        }
    }

    private func messages(_ result: Result<GatehouseConfiguration, ConfigurationProblems>) -> [String] {
        guard case .failure(let problems) = result else { return [] }
        return problems.list.map(\.description)
    }
}

extension String {
    fileprivate func components(of part: String) -> Int {
        ranges(of: part).count
    }
}
