import GatehouseCore
import Testing

/// What confines a key, what may be given to one, and how one is written.
@Suite struct KeyRuleTests {
    private func key(_ text: String, name: String = "k") throws -> VirtualKey {
        var key = VirtualKey(name: name, role: .member, models: [ModelPattern("*")])
        try KeyDocument.apply(try JSONValue(parsing: text.utf8), to: &key)
        return key
    }

    private func code(_ work: () throws(GatehouseError) -> Void) -> (GatehouseError.Code, String?)? {
        do throws(GatehouseError) {
            try work()
            return nil
        } catch {
            return (error.code, error.param)
        }
    }

    private func use(_ path: Substring = "/v1/messages", reading: Bool = false, from: String? = nil, at now: Int = 0)
        -> Principal.Use
    {
        Principal.Use(path: path, isReading: reading, address: from.flatMap { IPAddress($0) }, now: now)
    }

    @Test func aPlainKeyIsNotConfined() throws {
        let plain = Principal(key: try key("{}"))
        #expect(
            !plain.isConfined && !plain.mayEnd && code { () throws(GatehouseError) in try plain.admit(use()) } == nil)
        for text in [#"{"role":"viewer"}"#, #"{"routes":["/v1/*"]}"#, #"{"addresses":["::1"]}"#, #"{"expires_at":5}"#] {
            #expect(Principal(key: try key(text)).isConfined, "\(text)")
        }
    }

    @Test func whatConfinesAKeyIsChecked() throws {
        func refusal(_ text: String, _ use: Principal.Use) throws -> GatehouseError.Code? {
            let principal = Principal(key: try key(text))
            return code { () throws(GatehouseError) in try principal.admit(use) }?.0
        }
        #expect(try refusal(#"{"expires_at":5}"#, use(at: 4)) == nil)
        #expect(try refusal(#"{"expires_at":5}"#, use(at: 5)) == .invalidAPIKey)
        let home = #"{"addresses":["10.0.0.0/8","::1"]}"#
        #expect(try refusal(home, use(from: "10.9.9.9")) == nil)
        #expect(try refusal(home, use(from: "::1")) == nil)
        #expect(try refusal(home, use(from: "11.0.0.1")) == .permissionDenied)
        #expect(try refusal(home, use()) == .permissionDenied, "who cannot be placed is nowhere")
        let routes = #"{"routes":["/v1/chat/completions","/api/*"]}"#
        #expect(try refusal(routes, use("/api/files")) == nil)
        #expect(try refusal(routes, use("/v1/chat/completions")) == nil)
        #expect(try refusal(routes, use("/v1/messages")) == .permissionDenied)
        #expect(try refusal(#"{"role":"viewer"}"#, use()) == .permissionDenied)
        #expect(try refusal(#"{"role":"viewer"}"#, use(reading: true)) == nil)
        // An expired key tells nothing else about itself.
        #expect(try refusal(#"{"expires_at":5,"addresses":["::1"]}"#, use(at: 9)) == .invalidAPIKey)
    }

    @Test(
        arguments: [
            (#"{"role":"admin"}"#, "role"), (#"{"models":["*"]}"#, "models"),
            (#"{"models":["fast","slow"]}"#, "models"),
            (#"{"models":["fast"],"routes":[]}"#, "routes"),
            (#"{"models":["fast"],"routes":["/v1/*","/api/*"]}"#, "routes"),
            (#"{"models":["fast"],"routes":["/v1/x"]}"#, "addresses"),
            (#"{"models":["fast"],"routes":["/v1/x"],"addresses":["10.0.0.0/7"]}"#, "addresses"),
            (#"{"models":["fast"],"routes":["/v1/x"],"addresses":["10.1.0.0/16"]}"#, "expires_at"),
            (#"{"models":["fast"],"routes":["/v1/x"],"addresses":["10.1.0.0/16"],"expires_at":101}"#, "expires_at"),
            (#"{"models":["fast"],"routes":["/v1/x"],"addresses":["10.1.0.0/16"],"expires_at":100}"#, nil),
            (
                #"{"models":["team/*"],"routes":["/v1/*"],"addresses":["10.1.1.1"],"expires_at":1,"role":"operator"}"#,
                nil
            ),
        ] as [(String, String?)])
    func nobodyGivesMoreThanIsHis(text: String, field: String?) throws {
        let own = try key(
            #"{"role":"operator","models":["fast","team/*"],"routes":["/v1/*"],"addresses":["10.0.0.0/8"],"expires_at":100}"#
        )
        let author = Author(name: "op", principal: Principal(key: own))
        let wanted = try key(text)
        let found = code { () throws(GatehouseError) in try Grant.check(wanted, by: author) }
        #expect(found?.0 == (field == nil ? nil : .fieldNotAllowed) && found?.1 == field)
        let admin = Author(name: "a", principal: Principal(key: try key(#"{"role":"admin"}"#)))
        #expect(code { () throws(GatehouseError) in try Grant.check(wanted, by: admin) } == nil)
        #expect(code { () throws(GatehouseError) in try Grant.check(wanted, by: Author(name: "shell")) } == nil)
    }

    @Test func othersKeysAreNotTheirBusiness() throws {
        let member = try key("{}")
        for role in ["member", "viewer"] {
            let author = Author(name: "x", principal: Principal(key: try key(#"{"role":"\#(role)"}"#)))
            let found = code { () throws(GatehouseError) in try Grant.check(member, by: author) }
            #expect(found?.0 == .permissionDenied)
        }
        let author = Author(name: "op", principal: Principal(key: try key(#"{"role":"operator"}"#)))
        let admin = try key(#"{"role":"admin"}"#)
        let found = code { () throws(GatehouseError) in try Grant.check(member, instead: admin, by: author) }
        #expect(found?.0 == .permissionDenied)
    }

    @Test(arguments: [
        (#"{"role":"root"}"#, "role"), (#"{"role":1}"#, "role"), (#"{"models":"x"}"#, "models"),
        (#"{"models":["a*b"]}"#, "models[0]"), (#"{"models":["ok",""]}"#, "models[1]"),
        (#"{"routes":["v1"]}"#, "routes[0]"), (#"{"routes":["/ok","/a b"]}"#, "routes[1]"),
        (#"{"addresses":["10.0.0.0/8","home"]}"#, "addresses[1]"), (#"{"expires_at":-1}"#, "expires_at"),
        (#"{"rate_limit":{"requests":"60"}}"#, "rate_limit.requests"), (#"{"rate_limit":5}"#, "rate_limit"),
        (#"{"rate_limit":{"tokens":"0/min"}}"#, "rate_limit.tokens"),
        (#"{"rate_limit":{"burst":5}}"#, "rate_limit.burst"),
        (#"{"rate_limit":{"concurrency":0}}"#, "rate_limit.concurrency"),
        (#"{"expires_at":"soon"}"#, "expires_at"), (#"{"tags":[1]}"#, "tags[0]"),
    ])
    func whatIsWrongIsNamed(text: String, field: String) throws {
        var key = VirtualKey(name: "k", role: .member, models: [])
        let document = try JSONValue(parsing: text.utf8)
        let found = code { () throws(GatehouseError) in try KeyDocument.apply(document, to: &key) }
        #expect(found?.0 == .invalidValue && found?.1 == field)
    }

    @Test func settingsSurviveBeingWritten() throws {
        let full = try key(
            #"{"role":"operator","models":["*","a/*"],"routes":["/v1/*"],"addresses":["::1","10.0.0.0/8"],"tags":["t"],"expires_at":7}"#
        )
        #expect(try key(JSONValue.object(KeyDocument.settings(of: full)).text) == full)
        #expect(try key(#"{"models":null,"routes":null,"expires_at":null}"#).expires == nil)
    }
}
