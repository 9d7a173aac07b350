import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@Suite struct ModelCatalogTests {
    /// A provider that lists what the test says, or fails.
    private final class Source: ModelSource {
        private let state: Mutex<(names: [String]?, asked: Int)>

        init(_ names: [String]?) { state = Mutex((names, 0)) }

        var asked: Int { state.withLock { $0.asked } }
        func set(_ names: [String]?) { state.withLock { $0.names = names } }

        func models() async throws(Failure) -> [String] {
            let names = state.withLock { state in
                state.asked += 1
                return state.names
            }
            guard let names else { throw Failure(.unreachable) }
            return names
        }
    }

    private final class Clock: Sendable {
        private let offset = Mutex(Duration.zero)
        private let start = ContinuousClock.now

        var now: ContinuousClock.Instant { start + offset.withLock { $0 } }
        func advance(_ duration: Duration) { offset.withLock { $0 += duration } }
    }

    private let clock = Clock()
    private let loop = EmbeddedEventLoop()

    private func catalog() -> ModelCatalog { ModelCatalog(now: { [clock] in clock.now }) }

    private func snapshot(_ sources: [(name: String, models: [String], source: Source?)]) -> RoutingSnapshot {
        let entries = sources.map { one in
            var entry = UpstreamEntry(
                name: one.name, upstream: ScriptedUpstream(.events, on: loop), kind: .provider, models: one.models)
            entry.source = one.source
            return entry
        }
        return RoutingSnapshot(
            keys: SingleKeyStore(token: "k"), entries: entries,
            aliases: [.init(name: "fast", upstream: sources[0].name, model: "one")], created: 1)
    }

    @Test func aliasesComeFirstAndEachNameOnce() async {
        let snapshot = snapshot([("b", ["one"], Source(["two", "one"])), ("a", [], Source(["x"])), ("c", ["z"], nil)])
        #expect(await catalog().names(snapshot) == ["fast", "b/one", "c/z", "a/x", "b/two"])
    }

    @Test func aProviderIsAskedAgainAfterFiveMinutes() async {
        let source = Source(["one"])
        let snapshot = snapshot([("p", [], source)])
        let catalog = catalog()
        for _ in 0..<3 { _ = await catalog.names(snapshot) }
        #expect(source.asked == 1)
        source.set(["two"])
        clock.advance(.seconds(299))
        #expect(await catalog.names(snapshot) == ["fast", "p/one"])
        clock.advance(.seconds(1))
        #expect(await catalog.names(snapshot) == ["fast", "p/two"])
        #expect(source.asked == 2)
    }

    @Test func aFailureKeepsTheOldListAndRests() async {
        let source = Source(["one"])
        let other = Source(["x"])
        let snapshot = snapshot([("p", [], source), ("q", [], other)])
        let catalog = catalog()
        _ = await catalog.names(snapshot)
        source.set(nil)
        clock.advance(.seconds(300))
        #expect(await catalog.names(snapshot) == ["fast", "p/one", "q/x"])
        #expect(source.asked == 2)
        clock.advance(.seconds(29))
        _ = await catalog.names(snapshot)
        #expect(source.asked == 2 && other.asked == 2)
        clock.advance(.seconds(1))
        source.set(["two"])
        #expect(await catalog.names(snapshot) == ["fast", "p/two", "q/x"])
        #expect(source.asked == 3 && other.asked == 2)
    }

    @Test func aProviderThatNeverAnsweredAddsNothing() async {
        let source = Source(nil)
        let snapshot = snapshot([("p", ["known"], source)])
        let catalog = catalog()
        #expect(await catalog.names(snapshot) == ["fast", "p/known"])
        clock.advance(.seconds(30))
        source.set(["one"])
        #expect(await catalog.names(snapshot) == ["fast", "p/known", "p/one"])
    }

    @Test func aReloadForgetsWhoIsGone() async {
        let source = Source(["one"])
        let catalog = catalog()
        _ = await catalog.names(snapshot([("p", [], source)]))
        #expect(await catalog.names(snapshot([("q", [], nil)])) == ["fast"])
        _ = await catalog.names(snapshot([("p", [], source)]))
        #expect(source.asked == 2)
    }

    @Test func aListWithoutEndIsCut() async {
        let source = Source((0..<5000).map { "m\($0)" })
        #expect(await catalog().names(snapshot([("p", [], source)])).count == 2001)
    }
}
