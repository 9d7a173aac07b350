import Testing

@testable import GatehouseServer

@Suite struct RequestIDTests {
    @Test func idsCountOnInOneForm() {
        var ids = RequestIDGenerator()
        let made = (0..<2000).map { _ in ids.next() }
        #expect(Set(made).count == made.count)
        let beginning = made[0].dropLast()
        #expect(beginning.hasPrefix("req_") && beginning.utf8.count == 17)
        #expect(made.allSatisfy { $0.hasPrefix(beginning) && RequestIDGenerator.accepts($0) })
        #expect(made.map { Int($0.dropFirst(17), radix: 32) } == (1...2000).map { $0 })
    }

    @Test func generatorsDoNotMeet() {
        var one = RequestIDGenerator()
        var other = RequestIDGenerator()
        #expect(one.next() != other.next())
    }
}
