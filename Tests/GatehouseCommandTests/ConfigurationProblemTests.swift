import GatehouseEngine
import Testing

@testable import gatehouse

/// One wrong document each, and the line that an operator reads.
@Suite struct ConfigurationProblemTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var yaml: String
        var expected: [String]

        init(_ yaml: String, _ expected: String...) {
            self.yaml = yaml
            self.expected = expected
        }

        var testDescription: String { yaml }
    }

    static let values = [
        Case(#"server: { port: "eighty" }"#, #"server.port: "eighty" is not a whole number from 0 to 65535 (line 1)"#),
        Case("server: { port: 65536 }", #"server.port: "65536" is not a whole number from 0 to 65535 (line 1)"#),
        Case("server: { port: -1 }", #"server.port: "-1" is not a whole number from 0 to 65535 (line 1)"#),
        Case("server: { port: 80.0 }", #"server.port: "80.0" is not a whole number from 0 to 65535 (line 1)"#),
        Case(
            "server:\n  port:\n",
            "server.port: has no value; it must be a whole number from 0 to 65535 (line 2)"),
        Case(
            "server: { port: [80] }",
            "server.port: is not a single value; it must be a whole number from 0 to 65535 (line 1)"),
        Case("server: [1]", "server: must be a group of settings (line 1)"),
        Case("server: { allowPlaintext: yes }", #"server.allowPlaintext: "yes" is not true or false (line 1)"#),
        Case(
            "server: { limits: { body: 16Mib } }",
            #"server.limits.body: "16Mib" is not a size such as 512KiB or 16MiB, from 1KiB to 1GiB (line 1)"#),
        Case(
            "server: { limits: { body: 9999999999999999999GiB } }",
            #"server.limits.body: "9999999999999999999GiB" is not a size such as 512KiB or 16MiB, from 1KiB to 1GiB"#
                + " (line 1)"),
        Case(
            "server: { timeouts: { idle: 75 } }",
            #"server.timeouts.idle: "75" is not a duration such as 500ms, 30s, 10m or 24h, from 1ms to 366d (line 1)"#),
        Case(
            "server: { timeouts: { idle: 0s } }",
            #"server.timeouts.idle: "0s" is not a duration such as 500ms, 30s, 10m or 24h, from 1ms to 366d (line 1)"#),
        Case(
            "server: { timeouts: { idle: 99999999999999999d } }",
            #"server.timeouts.idle: "99999999999999999d" is not a duration such as 500ms, 30s, 10m or 24h, from 1ms to"#
                + " 366d (line 1)"),
        Case(
            "logging: { level: loud }",
            #"logging.level: "loud" is not trace, debug, info, notice, warning, error or critical (line 1)"#),
        Case("logging: { format: xml }", #"logging.format: "xml" is not auto, json or console (line 1)"#),
        Case(
            "server: { trustedProxies: [10.0.0.0/33] }",
            #"server.trustedProxies[0]: "10.0.0.0/33" is not an address or a network such as 10.0.0.0/8 (line 1)"#),
    ]

    static let names = [
        Case("sever: {}", #"sever: is not a known setting; did you mean "server"? (line 1)"#),
        Case("server:\n  prot: 1\n", #"server.prot: is not a known setting; did you mean "port"? (line 2)"#),
        Case(
            "server: { limits: { bodyy: 1MiB } }",
            #"server.limits.bodyy: is not a known setting; did you mean "body"? (line 1)"#),
        Case(
            "telemetry: { zzzzzzzzzz: 1 }",
            "telemetry.zzzzzzzzzz: is not a known setting; known are metrics, otlp (line 1)"),
        Case(
            "providers: [ { name: a, kind: opnai } ]",
            #"providers[0].kind: is not a known kind of provider; did you mean "openai"? (line 1)"#),
        Case(
            "agents: [ { name: a, kind: claud } ]",
            #"agents[0].kind: is not a known kind of agent; did you mean "claude"? (line 1)"#),
        Case(
            "agents: [ { name: mine } ]",
            "agents[0].kind: is missing; it must be one of claude, gemini, custom (line 1)"),
        Case(
            "providers: [ { kind: openai } ]",
            "providers[0].name: is missing; it must be a name of at most 64 letters, digits, '.', '-' and '_', with a"
                + " letter or digit first (line 1)"),
        Case(
            "providers: [ { name: a/b, kind: openai } ]",
            "providers[0].name: \"a/b\" is not a name of at most 64 letters, digits, '.', '-' and '_', with a letter or"
                + " digit first (line 1)"),
        Case(
            "providers: { name: a }",
            "providers: must be a list of groups: each a provider with name, kind and keys (line 1)"),
        Case(
            "providers: [ openai ]", "providers[0]: must be a group of settings (line 1)",
            "providers[0].name: is missing; it must be a name of at most 64 letters, digits, '.', '-' and '_', with a"
                + " letter or digit first (line 1)"),
        Case(
            "providers: [ { name: compat, kind: openai-compatible } ]",
            #"providers[0].baseURL: is missing; the kind "openai-compatible" has none of its own (line 1)"#),
    ]

    static let unsafe = [
        Case(
            "server: { host: 0.0.0.0 }",
            #"server.host: "0.0.0.0" can be reached from other machines and keys would travel readable; set"#
                + #" server.tls,"#
                + " or server.allowPlaintext: true behind a proxy that does TLS (line 1)"),
        Case(
            #"server: { host: "::" }"#,
            #"server.host: "::" can be reached from other machines and keys would travel readable; set server.tls,"#
                + " or server.allowPlaintext: true behind a proxy that does TLS (line 1)"),
        Case(
            "server: { host: 127.0.0.1.example.com }",
            #"server.host: "127.0.0.1.example.com" can be reached from other machines and keys would travel"#
                + #" readable; set"#
                + " server.tls, or server.allowPlaintext: true behind a proxy that does TLS (line 1)"),
        Case(
            "server: { tls: { certificate: a.pem } }",
            "server.tls.key: is missing; a certificate needs its private key (line 1)"),
        Case(
            "server: { tls: { key: a.pem } }",
            "server.tls.certificate: is missing; a private key needs its certificate (line 1)"),
        Case(
            "server: { tls: { certificate: /nowhere/a.pem, key: /nowhere/b.pem } }",
            "server.tls: the certificate or its key cannot be read, is not PEM, or the two do not belong together"),
        Case(
            #"server: { cors: { origins: ["*"] } }"#,
            #"server.cors.origins[0]: "*" would let any web page call; name each origin (line 1)"#),
        Case(
            #"server: { cors: { origins: ["null"] } }"#,
            #"server.cors.origins[0]: "null" is not an origin such as https://chat.example.com (line 1)"#),
        Case(
            "server: { cors: { origins: [https://a.example/x] } }",
            #"server.cors.origins[0]: "https://a.example/x" is not an origin such as https://chat.example.com (line 1)"#
        ),
        Case(
            #"keys: [ { name: ci, value: "" } ]"#,
            "keys[0].value: is empty; it must be a secret of visible characters without spaces (line 1)"),
        Case(
            #"keys: [ { name: ci, value: "two words" } ]"#,
            "keys[0].value: is not a secret of visible characters without spaces (line 1)"),
        Case(
            "keys: [ { name: ci } ]",
            "keys[0].value: is missing; it must be a secret of visible characters without spaces (line 1)"),
        Case(
            #"providers: [ { name: openai, keys: [ { value: "sk-1\r\nX-Evil: 1" } ] } ]"#,
            "providers[0].keys[0].value: is not a secret of visible characters without spaces (line 1)"),
        Case(
            "providers: [ { name: openai, baseURL: http://api.example.com/v1 } ]",
            "providers[0].baseURL: is plain HTTP to another machine and keys would travel readable; use https, or set"
                + " allowPlaintext: true on this provider (line 1)"),
        Case(
            "providers: [ { name: openai, baseURL: http://127.0.0.1@evil.example/v1 } ]",
            #"providers[0].baseURL: "http://127.0.0.1@evil.example/v1" is not a URL such as"#
                + #" https://api.example.com/v1,"#
                + " without user, query or fragment (line 1)"),
        Case(
            "providers: [ { name: openai, baseURL: file:///etc/passwd } ]",
            #"providers[0].baseURL: "file:///etc/passwd" is not a URL such as https://api.example.com/v1,"#
                + #" without user,"#
                + " query or fragment (line 1)"),
        Case(
            #"providers: [ { name: openai, headers: { "X-A\r\nX-B": v } } ]"#,
            "providers[0].headers.X-A??X-B: is not a header name of letters, digits and '-' (line 1)"),
        Case(
            #"providers: [ { name: openai, headers: { X-A: "v\nX-B: w" } } ]"#,
            "providers[0].headers.X-A: is not a header value of one line without control characters (line 1)"),
        Case(
            "providers: [ { name: openai, headers: { Content-Length: 5 } } ]",
            "providers[0].headers.Content-Length: belongs to the connection and cannot be set (line 1)"),
        Case(
            "agents: [ { name: mine, kind: custom } ]",
            "agents[0].command: is missing; a custom agent needs the path of its executable (line 1)"),
        Case(
            "agents: [ { name: claude, environment: { A=B: x } } ]",
            "agents[0].environment.A=B: is not a variable name of letters, digits and '_' (line 1)"),
        Case(
            "agents: [ { name: claude, home: somewhere } ]",
            #"agents[0].home: "somewhere" is not an absolute path (line 1)"#),
    ]

    static let clashes = [
        Case(
            "providers: [ { name: openai }, { name: openai } ]",
            #"providers[1].name: "openai" is the name of providers[0] already (line 1)"#),
        Case(
            "providers: [ { name: claude, kind: openai } ]\nagents: [ { name: claude } ]",
            #"agents[0].name: "claude" is the name of providers[0] already (line 2)"#),
        Case(
            "providers: [ { name: gatehouse, kind: openai } ]",
            #"providers[0].name: "gatehouse" is the name of the built-in models already (line 1)"#),
        Case(
            "keys: [ { name: a, value: k1 }, { name: a, value: k2 } ]",
            #"keys[1].name: "a" is there more than once (line 1)"#),
        Case(
            "keys: [ { name: a, value: k1 }, { name: b, value: k1 } ]",
            "keys[1].value: is that of keys[0] as well; each key needs its own (line 1)"),
        Case("keys: [ { name: admin, value: k1 } ]", #"keys[0].name: "admin" is taken by this gateway (line 1)"#),
        Case(
            #"keys: [ { name: a, value: k1, models: ["*/gpt"] } ]"#,
            #"keys[0].models[0]: "*/gpt" holds a '*' that is not at its end (line 1)"#),
        Case(
            "providers: [ { name: openai } ]\nmodels: [ { name: openai/x, targets: [ { provider: openai,"
                + " model: m } ] } ]",
            #"models[0].name: "openai/x" is a model of "openai" already (line 2)"#),
        Case(
            "models: [ { name: gatehouse/echo, targets: [ { provider: gatehouse, model: echo } ] } ]",
            #"models[0].name: "gatehouse/echo" is a model of "gatehouse" already (line 1)"#),
        Case(
            "providers: [ { name: openai } ]\nmodels: [ { name: fast, targets: [ { provider: opena, model: m } ] } ]",
            #"models[0].targets[0].provider: "opena" is not the name of any configured provider; did you mean"#
                + #" "openai"?"#
                + " (line 2)"),
        Case(
            "models: [ { name: fast, targets: [] } ]",
            "models[0].targets: is missing; an alias needs a target with provider or agent, and model (line 1)"),
        Case(
            "agents: [ { name: claude } ]\nmodels: [ { name: m, targets: [ { provider: gatehouse, agent:"
                + " claude, model: x } ] } ]",
            "models[0].targets[0].provider: either provider or agent must be set, not both (line 2)"),
        Case(
            "models: [ { name: m, targets: [ { provider: gatehouse } ] } ]",
            "models[0].targets[0].model: is missing; it must be the name that the provider knows the model"
                + " by (line 1)"),
        Case(
            "providers: [ { name: x, kind: wrong }, { name: openai, baseURL: http://a.example } ]",
            "providers[0].kind: is not a known kind of provider; known are openai, groq, openai-compatible (line 1)",
            "providers[1].baseURL: is plain HTTP to another machine and keys would travel readable; use https, or set"
                + " allowPlaintext: true on this provider (line 1)"),
    ]

    static let unsupported = [
        Case(
            "storage: { url: postgres://u@h/d }",
            #"storage.url: "postgres://u@h/d" is not supported by this version yet; leave it at"#
                + #" sqlite:gatehouse.db (line 1)"#
        ),
        Case(
            "shared: { url: redis://h:1/0 }",
            #"shared.url: "redis://h:1/0" is not supported by this version yet; leave it at memory: (line 1)"#),
        Case(
            "files: { url: s3:bucket }",
            #"files.url: "s3:bucket" is not supported by this version yet; leave it at file:files (line 1)"#),
        Case(
            "files: { extensions: [pdf] }",
            #"files.extensions[0]: "pdf" is not an ending such as .txt: a dot, then small letters and digits (line 1)"#),
        Case(
            "cache: { enabled: true, maxSize: 10 }",
            #"cache.maxSize: "10" is not a size such as 512KiB or 16MiB, from 1MiB to 1TiB (line 1)"#),
        Case(
            "telemetry: { otlp: http://127.0.0.1:4318 }",
            "telemetry.otlp: sending traces is not supported by this version yet; leave it at null (line 1)"),
        Case(
            "server: { cors: { origins: [https://a.example] } }",
            "server.cors.origins: calls from web pages of other origins is not supported by this version yet; leave it"
                + " empty (line 1)"),
        Case(
            "agents: [ { name: claude, driver: acp } ]",
            #"agents[0].driver: "acp" is none of claude; it knows oneShot, stdin (line 1)"#),
        Case(
            "agents: [ { name: gemini, pool: { queue: 3 } } ]",
            "agents[0].pool: means nothing for processes of one call each; leave it out, or set driver (line 1)"),
        Case(
            "agents: [ { name: claude, permissions: allow } ]",
            "agents[0].permissions: means nothing for processes of one call each; leave it out, or set driver (line 1)"),
        Case(
            "agents: [ { name: claude, driver: stdin, pool: { minimum: 5 } } ]",
            "agents[0].pool.minimum: 5 is more than the maximum of 4 (line 1)"),
        Case(
            "agents: [ { name: claude, sandbox: off, read: [/srv] } ]",
            "agents[0].read: means nothing without a sandbox; leave it out, or set sandbox: readOnly (line 1)"),
        Case(
            "agents: [ { name: claude, sandbox: workspace, directory: /srv } ]",
            "agents[0].directory: is only read, by a sandbox; set sandbox: readOnly instead of workspace (line 1)"),
        Case(
            "agents: [ { name: claude, accounts: [a] } ]",
            "agents[0].accounts[0]: must be a group of settings (line 1)",
            "agents[0].accounts[0].name: is missing; it must be a name of at most 64 letters, digits, '.', '-' and '_',"
                + " with a letter or digit first (line 1)"),
        Case(
            "agents: [ { name: claude, accounts: [ { name: a }, { name: a } ] } ]",
            "agents[0].accounts[1].name: \"a\" is there more than once (line 1)"),
        Case(
            "agents: [ { name: claude, accounts: [ { name: '../a' } ] } ]",
            "agents[0].accounts[0].name: \"../a\" is not a name of at most 64 letters, digits, '.', '-' and '_', with a"
                + " letter or digit first (line 1)"),
        Case(
            "agents: [ { name: claude, accounts: [ { name: a, token: x } ] } ]",
            "agents[0].accounts[0].token: is not a known setting; known are name, home, concurrency, weight (line 1)"),
        Case(
            "agents: [ { name: claude, home: /srv/a, accounts: [ { name: a } ] } ]",
            "agents[0].home: means nothing beside accounts: each has a home of its own; leave it out (line 1)"),
        Case(
            "agents: [ { name: claude, accounts: [ { name: a, home: /srv/a/ } ] }, { name: gemini, accounts: [ { name:"
                + " b, home: /srv//a/./b } ] } ]",
            "agents[1].accounts[0].home: lies in or around the home of account \"a\" of \"claude\"; each account needs"
                + " its own (line 1)"),
        Case(
            "models: [ { name: m, strategy: cost, retries: 1, targets: [ { provider: gatehouse, model: echo,"
                + " weight: 2 } ] } ]",
            "models[0].targets[0].price: needs input and output; the strategy cost compares them (line 1)"),
        Case(
            "models: [ { name: m, targets: [ { provider: gatehouse, model: echo, when: { minInput: 9, maxInput: 3 } } ] } ]",
            "models[0].targets[0].when.maxInput: is less than when.minInput: the target would take nothing (line 1)"),
        Case(
            "models: [ { name: m, targets: [ { provider: gatehouse, model: echo, when: { keys: ['a*b'] } } ] } ]",
            "models[0].targets[0].when.keys: holds a '*' that is not at its end (line 1)"),
        Case(
            "models: [ { name: m, targets: [ { provider: gatehouse, model: echo, when: { headers: { 'a b': c } } } ] } ]",
            "models[0].targets[0].when.headers.a b: is not a header name of letters, digits and '-' (line 1)"),
        Case(
            "models: [ { name: m, targets: [ { provider: gatehouse, model: echo, features: [sight] } ] } ]",
            #"models[0].targets[0].features[0]: "sight" is not text, tools, vision, audio, video, documents, jsonSchema,"#
                + " reasoning or logprobs (line 1)"),
        Case(
            "models: [ { name: m, sticky: glue, targets: [ { provider: gatehouse, model: echo } ] } ]",
            #"models[0].sticky: "glue" is not none, session, user or prefix (line 1)"#),
        Case(
            "keys: [ { name: a, value: k, rateLimit: { tokens: 60/min, burst: 5 } } ]",
            "keys[0].rateLimit.burst: means nothing without requests; set both (line 1)"),
        Case(
            "limits: [ { team: t, user: u, requests: 5/s } ]",
            "limits[0].team: one of key, user, team, organization, model, route, address must be set, not more (line 1)"
        ),
        Case(
            "limits: [ { address: '10.*' } ]",
            "limits[0].requests: is missing; a limit needs requests, tokens, uploads or concurrency (line 1)"),
        Case(
            "limits: [ { model: 'a*b', concurrency: 2 } ]",
            #"limits[0].model: "a*b" holds a '*' that is not at its end (line 1)"#),
        Case(
            "budgets: [ { team: t, user: u, amount: 5 } ]",
            "budgets[0].key: exactly one of key, user, team and organization must be set (line 1)"),
        Case(
            "keys: [ { name: a, value: k, budget: { amount: 5, soft: 0.8 } } ]",
            #"keys[0].budget.soft: "0.8" is not a share such as 80%, from 1% to 100% (line 1)"#),
        Case(
            "prices: [ { provider: p, model: m, input: 1, output: 2, validFrom: 2026-02-30 } ]",
            #"prices[0].validFrom: "2026-02-30" is not a day such as 2026-12-01 (line 1)"#),
        Case(
            "prices: [ { provider: p, model: m, output: 2 } ]",
            "prices[0].input: is missing; it must be a price such as 0.15, or 0, with at most 12 digits on each side of the "
                + "point (line 1)"),
        Case(
            "keys: [ { name: a, value: k, budget: { amount: 1e9 } } ]",
            #"keys[0].budget.amount: "1e9" is not an amount such as 10.00, above zero, with at most 12 digits"#
                + #" on each side"#
                + " of the point (line 1)"),
        Case(
            "keys: [ { name: a, value: k, rateLimit: { requests: 60 } } ]",
            #"keys[0].rateLimit.requests: "60" is not a rate such as 10/s, 60/min, 1000/h or 5000/day (line 1)"#),
    ]

    @Test(arguments: values + names + unsafe + clashes + unsupported)
    func isTold(_ item: Case) throws {
        let result = load(item.yaml)
        guard case .failure(let problems) = result else {
            Issue.record("accepted: \(item.yaml)")
            return
        }
        #expect(problems.list.map(\.description) == item.expected)
    }

    @Test func allAreToldAtOnce() {
        let result = load("server: { port: x, host: 0.0.0.0 }\ncahce: {}\nproviders: [ { name: openai, kind: nope } ]")
        guard case .failure(let problems) = result else {
            Issue.record("accepted")
            return
        }
        #expect(problems.list.map(\.path) == ["server.port", "providers[0].kind", "cahce", "server.host"])
    }

    @Test func noSecretIsQuoted() {
        let yaml = """
            server: { port: "${PORT_WITH_SECRET}" }
            keys: [ { name: ci, value: "open sesame now" } ]
            providers: [ { name: openai, keys: [ { value: "${BROKEN}" } ] } ]
            """
        let result = load(yaml, ["PORT_WITH_SECRET": "sk-hidden-1", "BROKEN": "sk-hidden\n2"])
        let text = "\(result)"
        #expect(!text.contains("sk-hidden"))
        #expect(!text.contains("sesame"))
        #expect(text.contains("${PORT_WITH_SECRET}"))
    }
}

/// Loads a text the way a file is loaded, with a catalog of a few kinds.
func load(
    _ yaml: String?, _ variables: [String: String] = [:], files: [String: String] = [:],
    overrides: [ConfigurationBuilder.Override] = [], found: [ConfigurationCatalog.Agent] = []
) -> Result<GatehouseConfiguration, ConfigurationProblems> {
    var catalog = ConfigurationCatalog(
        providers: [
            .init(name: "openai", kind: "openai", environmentVariable: "OPENAI_API_KEY"),
            .init(name: "groq", kind: "groq", environmentVariable: "GROQ_API_KEY"),
            .init(name: "compat", kind: "openai-compatible", environmentVariable: nil, needsBaseURL: true),
        ],
        agentKinds: ["claude", "gemini"], agentsOnPath: { found })
    catalog.agentDrivers = ["claude": [.oneShot, .stdin]]
    let directory = TemporaryFiles()
    for (name, text) in files { directory.write(text, to: name) }
    let variables = variables.mapValues { $0.replacing("{FILES}", with: directory.path) }
    var file: String?
    if let yaml {
        directory.write(yaml, to: "gatehouse.yaml")
        file = directory.path + "/gatehouse.yaml"
    }
    let loader = ConfigurationLoader(file: file, catalog: catalog, variables: variables, overrides: overrides)
    return loader.load().mapError { problems in
        ConfigurationProblems(
            problems.list.map { problem in
                var problem = problem
                problem.path = problem.path.replacing(directory.path + "/", with: "")
                problem.message = problem.message.replacing(directory.path + "/", with: "")
                return problem
            })
    }
}
