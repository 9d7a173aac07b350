import GatehouseCore
import Testing

/// Addresses, networks, and whom a request comes from behind proxies.
@Suite struct AddressRangeTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::1", "0:0:0:0:0:0:0:1"),
        ("2001:db8::1:0", "2001:db8:0:0:0:0:1:0"), ("::", "0:0:0:0:0:0:0:0"), ("fe80::1%eth0", "fe80:0:0:0:0:0:0:1"),
        ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), ("1::", "1:0:0:0:0:0:0:0"),
    ])
    func addressesAreRead(text: String, meant: String) {
        #expect(IPAddress(text)?.description == meant)
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "1.2.3.4 ", ":", ":1", "1:", "1::2::3", "1:2:3:4:5:6:7",
        "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "g::", "12345::", "::1.2.3", ":::", "::1:", "+1::", "localhost",
        String(repeating: "1:", count: 500),
    ])
    func whatIsNoAddressIsNone(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test func networksHoldTheirs() throws {
        let range = try #require(AddressRange("10.1.0.0/16"))
        #expect(range.contains(try #require(IPAddress("10.1.255.255"))))
        #expect(range.contains(try #require(IPAddress("::ffff:10.1.2.3"))))
        #expect(!range.contains(try #require(IPAddress("10.2.0.0"))))
        #expect(!range.contains(try #require(IPAddress("::a01:1"))))
        let six = try #require(AddressRange("2001:db8::/33"))
        #expect(six.contains(try #require(IPAddress("2001:db8:7fff::1"))))
        #expect(!six.contains(try #require(IPAddress("2001:db8:8000::1"))))
        let all = try #require(AddressRange("0.0.0.0/0"))
        #expect(all.contains(try #require(IPAddress("9.9.9.9"))))
        #expect(!all.contains(try #require(IPAddress("2001::1"))))
        #expect(all.covers(range) && !range.covers(all) && range.covers(range))
        #expect(try #require(AddressRange("10.1.2.3")).covers(try #require(AddressRange("10.1.2.3/32"))))
        for wrong in ["10.0.0.0/33", "::/129", "10.0.0.0/", "/8", "10.0.0.0/8/8", "10.0.0.0/+8", "fe80::1%a/64"] {
            #expect(AddressRange(wrong) == nil, "\(wrong)")
        }
    }

    @Test(
        arguments: [
            // Nobody's word is taken but that of a proxy.
            ("8.8.8.8", ["1.1.1.1"], "8.8.8.8"), ("10.0.0.1", [], "10.0.0.1"), ("10.0.0.1", ["1.1.1.1"], "1.1.1.1"),
            // What stands before the last that is no proxy may be made up.
            ("10.0.0.1", ["6.6.6.6, 1.1.1.1"], "1.1.1.1"), ("10.0.0.1", ["6.6.6.6", "1.1.1.1, 10.0.0.2"], "1.1.1.1"),
            ("10.0.0.1", ["10.0.0.3,10.0.0.2"], "10.0.0.3"), ("10.0.0.1", ["1.1.1.1, nonsense"], "10.0.0.1"),
            ("10.0.0.1", [" [2001:db8::1]:4711 "], "2001:db8:0:0:0:0:0:1"), ("10.0.0.1", ["1.1.1.1:80"], "1.1.1.1"),
            ("10.0.0.1", ["1.1.1.1, , 10.0.0.2"], "10.0.0.2"),
        ] as [(String, [String], String)])
    func proxiesTellWhoCalls(peer: String, forwarded: [String], meant: String) throws {
        let trusted = [try #require(AddressRange("10.0.0.0/8"))]
        let found = CallerAddress.of(peer: IPAddress(peer), forwarded: forwarded, trusted: trusted)
        #expect(found?.description == meant)
    }

    @Test func withoutProxiesThePeerCounts() {
        let peer = IPAddress("127.0.0.1")
        #expect(CallerAddress.of(peer: peer, forwarded: ["1.1.1.1"], trusted: []) == peer)
        #expect(CallerAddress.of(peer: nil, forwarded: ["1.1.1.1"], trusted: []) == nil)
    }
}
