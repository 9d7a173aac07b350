import GatehouseCore
import GatehouseTesting
import Testing

@Suite struct CacheKeyTests {
    /// What a field may be changed to; every text is another meaning.
    private static let changes: [(field: String, values: [String])] = [
        ("model", [#""m""#, #""M""#, #""m ""#, #""m2""#]),
        (
            "messages",
            [
                #"[{"role":"user","content":"a"}]"#, #"[{"role":"user","content":"b"}]"#,
                #"[{"content":"a","role":"user"}]"#, #"[{"role":"user","content":"a"},{"role":"user","content":""}]"#,
                #"[{"role":"system","content":"a"}]"#, #"[{"role":"user","content":["a"]}]"#,
            ]
        ),
        ("stream", ["true", "false", "null"]),
        ("temperature", ["0", "0.0", "1", "1.0", "1e0", "0.7", "0.70"]),
        ("top_p", ["1", "0.9", "0.99"]),
        ("max_tokens", ["1", "10", "100", #""10""#]),
        ("seed", ["1", "2", "-1", "12345678901234567890", "12345678901234567891"]),
        ("stop", [#""a""#, #"["a"]"#, #"["a","b"]"#, #"["b","a"]"#, "[]", #"["ab"]"#]),
        ("n", ["1", "2"]),
        ("user", [#""a""#, #""b""#, #""""#]),
        ("system", [#""x""#, #""x\n""#, #""\u00e9""#, #""e\u0301""#]),
        (
            "response_format",
            [
                #"{"type":"text"}"#, #"{"type":"json_object"}"#,
                #"{"type":"json_schema","json_schema":{"a":1,"b":2}}"#,
                #"{"type":"json_schema","json_schema":{"b":2,"a":1}}"#,
            ]
        ),
        ("metadata", ["{}", #"{"a":"1"}"#, #"{"a":1}"#, #"{"a":{"b":[]}}"#, #"{"a":{"b":{}}}"#]),
        ("logit_bias", [#"{"1":1}"#, #"{"11":1}"#, #"{"1":11}"#]),
    ]

    private func key(
        _ body: String, tenant: String = "ann", context: [String] = ["chat_completions", "p/m"]
    ) throws -> CacheKey {
        CacheKey(tenant: tenant, context: context, body: try JSONValue(parsing: body.utf8))
    }

    /// All requests in which two fields are what they may be and the others as in the first, or are not there.
    private func mutants() -> [String] {
        var found: [String] = []
        let fields = Self.changes
        func text(_ chosen: [Int: String?]) -> String {
            let members = fields.indices.compactMap { index -> String? in
                let value: String? = chosen[index] ?? fields[index].values[0]
                return value.map { #""\#(fields[index].field)":\#($0)"# }
            }
            return "{" + members.joined(separator: ",") + "}"
        }
        for one in fields.indices {
            for other in fields.indices where other > one {
                for left in fields[one].values.map(Optional.some) + [nil] {
                    for right in fields[other].values.map(Optional.some) + [nil] {
                        found.append(text([one: left, other: right]))
                    }
                }
            }
        }
        return Array(Set(found)).sorted()
    }

    /// Each of the mutants is looked up where all others are kept: every pair is one look-up.
    @Test func aMillionLookupsOfMutantsHitNothing() throws {
        let mutants = mutants()
        var lookups = 0
        var kept: [CacheKey: Int] = [:]
        for (index, mutant) in mutants.enumerated() {
            let key = try key(mutant)
            let found = kept.updateValue(index, forKey: key)
            #expect(found == nil, "\(mutant) and \(found.map { mutants[$0] } ?? "")")
            lookups += index
        }
        #expect(lookups >= 1_000_000, "\(mutants.count) mutants")
        #expect(kept.count == mutants.count)
    }

    @Test func tenantsAndContextsNeverMeet() throws {
        let body = #"{"model":"m"}"#
        let contexts: [(String, [String])] = [
            ("ann", ["a", "b"]), ("bob", ["a", "b"]), ("ann", ["a"]), ("ann", ["ab"]), ("ann", ["a", "b", ""]),
            ("ann", [#"a","b"#]), ("a", ["nn", "a", "b"]), (#"ann","a"#, ["b"]), ("ann", ["b", "a"]),
            ("", ["ann", "a", "b"]),
        ]
        let keys = try contexts.map { try key(body, tenant: $0.0, context: $0.1) }
        #expect(Set(keys).count == keys.count)
        // A body cannot play at being a context either.
        #expect(try key(#"["x"]"#, context: []) != key(#""x""#, context: []))
    }

    @Test func spaceAndTheOrderOfMembersSayNothing() throws {
        let one = try key(#"{"model":"m","messages":[{"role":"user"}],"n":1}"#)
        #expect(try key("{ \"n\" : 1,\n\"messages\":[ {\"role\": \"user\"} ], \"model\":\"m\"}") == one)
        #expect(
            try key(#"{"model":"\u006d","messages":[{"role":"user"}],"n":1}"#) == one, "an escape is how it is spelled")
    }

    @Test func whatMustNotBeKeptIsNot() throws {
        func may(_ body: String, tools: Bool = false) throws -> Bool {
            try JSONValue(parsing: body.utf8).isCacheable(tools: tools)
        }
        #expect(try may(#"{"model":"m"}"#) && may(#"{"model":"m","tools":[]}"#) && may(#"{"store":false}"#))
        for body in [
            #"{"tools":[{}]}"#, #"{"functions":[{}]}"#, #"{"mcp_servers":[{}]}"#, #"{"web_search_options":{}}"#,
        ] {
            #expect(try !may(body) && may(body, tools: true), "\(body)")
        }
        for body in [
            #"{"store":true}"#, #"{"previous_response_id":"x"}"#, #"{"background":true}"#, "[]", #"{"files":[]}"#,
        ] {
            #expect(try !may(body, tools: true), "\(body)")
        }
    }
}
