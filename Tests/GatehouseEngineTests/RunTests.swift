import GatehouseCore
import GatehouseTesting
import NIOCore
import Synchronization
import Testing

@testable import GatehouseEngine

/// Runs: what their followers see, whatever is in memory, in the store, or not there yet.
@Suite(.timeLimit(.minutes(1)))
struct RunTests {
    /// Keeps all pieces, or none.
    private final class Store: RunStore {
        struct State {
            var pieces: [(numbers: ClosedRange<Int>, bytes: ByteBuffer)] = []
            var ended: RunRecord?
        }

        let state = Mutex(State())
        /// Whether it is as slow as it gets to keep the end of a run.
        let isSlow: Bool

        init(isSlow: Bool = false) { self.isSlow = isSlow }

        func begin(_ record: RunRecord) async throws(GatehouseError) {}

        func append(_ events: ByteBuffer, numbers: ClosedRange<Int>, to id: String) {
            state.withLock { $0.pieces.append((numbers, events)) }
        }

        func end(_ record: RunRecord, onEnd: @escaping @Sendable () -> Void) {
            state.withLock { $0.ended = record }
            if !isSlow { onEnd() }
        }

        func find(_ id: String, owner: String) async throws(GatehouseError) -> RunRecord? {
            state.withLock { $0.ended }
        }
        func list(owner: String, atMost limit: Int) async throws(GatehouseError) -> [RunRecord] { [] }
        func delete(_ id: String, owner: String) async throws(GatehouseError) -> Bool { false }

        func events(of id: String, after last: Int) async throws(GatehouseError) -> (bytes: ByteBuffer, last: Int)? {
            state.withLock { state in
                state.pieces.first { $0.numbers.upperBound > last }.map { ($0.bytes, $0.numbers.upperBound) }
            }
        }

        var kept: ByteBuffer {
            state.withLock { $0.pieces.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1.bytes) } }
        }
    }

    private static func make() -> (Run, Store) {
        let store = Store()
        let record = RunRecord(id: "run_1", owner: "ann", session: nil, model: "m", created: 1)
        return (Run(record, store: store), store)
    }

    private static func event(_ number: Int, _ name: StaticString = "text.delta", _ text: String = "x") -> ByteBuffer {
        NumberedEvents.write(number, name, .object(["text": .string(text)]))
    }

    private static func numbers(_ bytes: ByteBuffer) -> [Int] { NumberedEvents.split(bytes).map(\.number) }

    @Test func whoFollowsGetsEachEventOnce() async throws {
        let (run, _) = Self.make()
        async let seen = Self.follow(run, after: 0)
        async let late = Self.follow(run, after: 3)
        for number in 1...50 {
            run.add(Self.event(number))
            await Task.yield()
        }
        run.end(.finished, at: 2) {}
        #expect(try await seen == Array(1...50))
        #expect(try await late == Array(4...50))
        #expect(try await Self.follow(run, after: 0) == Array(1...50))
        #expect(try await Self.follow(run, after: 99).isEmpty)
    }

    private static func follow(_ run: Run, after last: Int) async throws -> [Int] {
        var (seen, last): ([Int], Int) = ([], last)
        while true {
            let batch = try await run.next(after: last)
            if batch.isEnd { return seen }
            seen += numbers(batch.bytes)
            last = batch.last
        }
    }

    /// What is not in memory any more comes from the store, and nothing is missing between the two.
    @Test func aLongOneIsReadFromTheStore() async throws {
        let (run, store) = Self.make()
        let text = String(repeating: "x", count: 3000)
        for number in 1...300 { run.add(Self.event(number, "text.delta", text)) }
        #expect(Self.numbers(store.kept).count > 200)
        run.end(.finished, at: 2) {}
        #expect(Self.numbers(store.kept) == Array(1...300))
        for last in [0, 1, 100, 298] { #expect(try await Self.follow(run, after: last) == Array(last + 1...300)) }
        // One that is taken up again later, by another process.
        let again = Run(kept: run.record, store: store)
        #expect(try await Self.follow(again, after: 7) == Array(8...300))
    }

    @Test func whatIsLittleIsKeptWhenItIsTold() {
        let (run, store) = Self.make()
        run.add(Self.event(1))
        #expect(store.kept.readableBytes == 0)
        run.save()
        #expect(Self.numbers(store.kept) == [1])
        run.save()
        run.add(Self.event(2))
        run.end(.finished, at: 2) {}
        #expect(Self.numbers(store.kept) == [1, 2])
        #expect(store.state.withLock { $0.ended }?.status == .finished)
    }

    @Test func behindTheEndNothingIsHeard() {
        let (run, store) = Self.make()
        run.add(Self.event(1))
        run.end(.failed, at: 2) {}
        run.add(Self.event(2))
        run.end(.finished, at: 3) {}
        #expect(run.record.last == 1 && run.record.status == .failed)
        #expect(Self.numbers(store.kept) == [1])
    }

    @Test(arguments: [RunRecord.Status.cancelled, .interrupted])
    func whoEndsItFromOutsideSaysAsWhat(verdict: RunRecord.Status) {
        let (run, _) = Self.make()
        let calls = Mutex(0)
        run.onCancel { calls.withLock { $0 += 1 } }
        run.cancel(as: verdict)
        run.cancel()
        #expect(calls.withLock { $0 } == 1)
        run.end(.failed, at: 2) {}
        #expect(run.record.status == verdict)
    }

    /// Cancelled before its call was there.
    @Test func aCancelThatCameEarlyIsNotForgotten() {
        let (run, _) = Self.make()
        run.cancel()
        let calls = Mutex(0)
        run.onCancel { calls.withLock { $0 += 1 } }
        #expect(calls.withLock { $0 } == 1)
    }

    @Test func whoLeavesWaitsNoMore() async throws {
        let (run, _) = Self.make()
        let waiting = Task { try await run.next(after: 0) }
        await Task.yield()
        waiting.cancel()
        #expect(try await waiting.value.isEnd)
    }

    /// A disk that is slow to keep an end is no reason to refuse the next beginning.
    @Test func oneThatHasEndedTakesNoPlace() async throws {
        let service = RunService(
            store: Store(isSlow: true), memory: CallMemory(), observer: RecordingObserver(), limits: .init(perOwner: 1),
            clock: { 1 })
        let request = CallRequest(
            id: "r", operation: .generate,
            principal: Principal(key: VirtualKey(name: "ann", role: .member, models: [ModelPattern("*")])),
            snapshot: RoutingSnapshot(keys: SingleKeyStore(token: "k"), entries: [], aliases: [], created: 1),
            body: ByteBuffer(string: #"{"model":"m","prompt":"x","background":true}"#), start: .now())
        let opening = try RunOpening(request, CallHead(request), now: 1)
        let first = try await service.begin(opening, owner: "ann", session: nil, model: "m")
        await #expect(throws: GatehouseError.self) {
            _ = try await service.begin(opening, owner: "ann", session: nil, model: "m")
        }
        first.end(.finished, at: 2) {}
        _ = try await service.begin(opening, owner: "ann", session: nil, model: "m")
    }

    @Test func commentsAndHalvesAreNoEvents() {
        let bytes = ByteBuffer(
            string: ": keep-alive\n\nid: 1\nevent: a\ndata: {}\n\nevent: b\n\nid: x\n\nid: 2\nevent: c")
        #expect(Self.numbers(bytes) == [1])
        let after = NumberedEvents.after(1, in: ByteBuffer(string: "id: 1\nevent: a\n\nid: 2\nevent: b\n\n"))
        #expect(String(buffer: after) == "id: 2\nevent: b\n\n")
    }
}
