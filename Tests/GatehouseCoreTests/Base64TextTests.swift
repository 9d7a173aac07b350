import Testing

@testable import GatehouseCore

@Suite struct Base64TextTests {
    @Test(
        arguments: [
            ("", []), ("AA==", [0]), ("AA", [0]), ("AAA=", [0, 0]), ("AAAA", [0, 0, 0]), ("+/+/", [251, 255, 191]),
            ("-_-_", [251, 255, 191]), ("aGk", [104, 105]), ("aGk=", [104, 105]),
        ] as [(String, [UInt8])])
    func decodes(text: String, bytes: [UInt8]) {
        #expect(Base64Text.decoded(text) == bytes)
    }

    /// Half a byte, padding in the middle or too much of it, bits that no writer sets, other characters.
    @Test(arguments: [
        "A", "AAAAA", "A===", "AA=", "AA==AA==", "AA===", "====", "=", "AB==", "AAB=", "A A=", "AA\n==", "é=",
    ])
    func refuses(text: String) {
        #expect(Base64Text.decoded(text) == nil)
    }
}
