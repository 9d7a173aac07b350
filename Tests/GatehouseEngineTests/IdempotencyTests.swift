import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Synchronization
import Testing

/// Calls that their callers named, on a clock and before a store that the test moves.
@Suite struct IdempotencyTests {
    /// Keeps entries in memory; says what it is told to.
    private final class Store: IdempotencyStore {
        struct State {
            var entries: [IdempotencyName: IdempotencyEntry] = [:]
            var isBroken = false
            /// Beginnings wait until they are let go.
            var isHeld = false
            var held: [EventLoopPromise<Void>] = []
            /// Names are forgotten when this is done.
            var isSlow = false
            var forgetting: [@Sendable () -> Void] = []
        }

        let state = Mutex(State())
        let maximumSize: Int

        init(maximumSize: Int = 1 << 20) {
            self.maximumSize = maximumSize
        }

        func digest(of parts: [ByteBuffer]) -> [UInt8] { parts.flatMap { Array($0.readableBytesView) + [0] } }

        func find(_ name: IdempotencyName, on loop: any EventLoop) -> EventLoopFuture<IdempotencyEntry?> {
            let (entry, isBroken) = state.withLock { ($0.entries[name], $0.isBroken) }
            return isBroken
                ? loop.makeFailedFuture(GatehouseError(.storageUnavailable, "x")) : loop.makeSucceededFuture(entry)
        }

        func begin(_ name: IdempotencyName, digest: [UInt8], on loop: any EventLoop) -> EventLoopFuture<Void> {
            state.withLock { state in
                guard !state.isBroken, state.entries[name] == nil else {
                    return loop.makeFailedFuture(GatehouseError(.storageUnavailable, "x"))
                }
                state.entries[name] = IdempotencyEntry(digest: digest, state: .begun)
                guard state.isHeld else { return loop.makeSucceededFuture(()) }
                let promise = loop.makePromise(of: Void.self)
                state.held.append(promise)
                return promise.futureResult
            }
        }

        func keep(
            _ name: IdempotencyName, head: ByteBuffer, body: ByteBuffer?, onEnd: @escaping @Sendable () -> Void
        ) {
            state.withLock { state in
                guard let digest = state.entries[name]?.digest else { return }
                let kept = body.map { IdempotencyEntry.State.answered(head: head, body: $0) } ?? .lost
                state.entries[name] = IdempotencyEntry(digest: digest, state: kept)
            }
            onEnd()
        }

        func forget(_ name: IdempotencyName, onEnd: @escaping @Sendable () -> Void) {
            let isSlow = state.withLock { state in
                state.entries.removeValue(forKey: name)
                if state.isSlow { state.forgetting.append(onEnd) }
                return state.isSlow
            }
            if !isSlow { onEnd() }
        }
    }

    private struct Scene {
        let store: Store
        let desk: IdempotencyDesk
        let routes: RouteScene

        init(maximumSize: Int = 1 << 20) {
            store = Store(maximumSize: maximumSize)
            desk = IdempotencyDesk(store)
            routes = RouteScene("p")
            routes.memory = CallMemory(books: .init(idempotency: desk))
        }

        func start(_ more: String = "", name: String = "n", owner: String = "ann") -> RouteScene.Call {
            routes.start(more, owner: owner) {
                $0.idempotencyKey = name
                $0.mayRepeat = true
            }
        }

        var sent: Int { routes.requests("p").count }
        /// Nothing is known of calls but by the store.
        var isAtRest: Bool { desk.count == 0 && routes.isAtRest }
    }

    @Test(arguments: [false, true]) func theSameAnswerIsGivenAgain(stream: Bool) {
        let scene = Scene()
        let more = stream ? #","stream":true"# : ""
        let first = scene.start(more)
        #expect(scene.start(more).code == "idempotency_in_progress")
        scene.routes.answer("p", stream: stream)
        #expect(first.status == 200 && first.downstream.head?.isReplayed == false)
        for _ in 0..<3 {
            let again = scene.start(more)
            #expect(again.downstream.body == first.downstream.body && !again.downstream.body.isEmpty)
            #expect(again.downstream.isStream == stream && again.downstream.hasEnded)
            #expect(again.downstream.head?.isReplayed == true && again.downstream.head?.provider == "p")
        }
        #expect(scene.sent == 1 && scene.isAtRest)
    }

    @Test func anotherRequestMayNotHaveTheName() {
        let scene = Scene()
        _ = scene.start()
        #expect(scene.start(#","n":1"#).code == "idempotency_key_reused")
        scene.routes.answer("p")
        #expect(scene.start(#","n":1"#).code == "idempotency_key_reused")
        #expect(scene.start(owner: "bob").status == nil, "another owner's name is another name")
        #expect(scene.start(name: "other").status == nil && scene.sent == 3)
    }

    @Test func nothingIsSentBeforeItIsKnownThatItBegins() {
        let scene = Scene()
        scene.store.state.withLock { $0.isHeld = true }
        let call = scene.start()
        #expect(scene.sent == 0)
        scene.store.state.withLock { $0.held.removeFirst() }.succeed()
        scene.routes.loop.run()
        #expect(scene.sent == 1 && call.status == nil)
        scene.routes.answer("p")
        #expect(call.status == 200)
    }

    @Test func aCallerThatLeavesFindsTheAnswerLater() {
        let scene = Scene()
        for stream in [false, true] {
            let more = stream ? #","stream":true"# : ""
            let call = scene.start(more, name: "\(stream)")
            call.driver.downstreamWritable(false)
            call.driver.clientGone()
            #expect(scene.start(more, name: "\(stream)").code == "idempotency_in_progress")
            #expect(scene.routes.attempts("p").last?.isCancelled == false)
            #expect(scene.routes.attempts("p").last?.isReading == true)
            scene.routes.answer("p", stream: stream)
            let again = scene.start(more, name: "\(stream)")
            #expect(again.status == 200 && again.downstream.head?.isReplayed == true)
            #expect(again.downstream.body.contains(stream ? "[DONE]" : "hi"))
        }
        #expect(scene.isAtRest && scene.sent == 2)
    }

    @Test func whoLeavesBeforeItBeginsLeavesNothing() {
        let scene = Scene()
        scene.store.state.withLock { $0.isHeld = true }
        scene.start().driver.clientGone()
        scene.store.state.withLock { $0.held.removeFirst() }.succeed()
        scene.routes.loop.run()
        #expect(scene.sent == 0 && scene.isAtRest)
        scene.store.state.withLock { $0.isHeld = false }
        #expect(scene.start().status == nil && scene.sent == 1)
    }

    @Test func whatWasNotCarriedOutMayBeTriedAgain() {
        let scene = Scene()
        for kind in [Failure.Kind.rate, .auth, .input, .upstream, .modelUnknown] {
            let call = scene.start()
            scene.routes.fail("p", Failure(kind))
            #expect(call.status ?? 0 >= 400, "\(kind)")
        }
        var unsent = Failure(.unreachable)
        unsent.isUnsent = true
        _ = scene.start()
        scene.routes.fail("p", unsent)
        let last = scene.start()
        scene.routes.answer("p")
        #expect(last.status == 200 && last.downstream.head?.isReplayed == false)
        #expect(scene.sent == 7 && scene.isAtRest)
    }

    /// Whoever tries again at once need not wait for the disk, and the disk's late word does not concern him.
    @Test func aNameIsFreeAtOnce() {
        let scene = Scene()
        scene.store.state.withLock { $0.isSlow = true }
        _ = scene.start()
        scene.routes.fail("p", Failure(.rate))
        let second = scene.start(#","n":1"#)
        #expect(second.status == nil && scene.sent == 2)
        for onEnd in scene.store.state.withLock({ $0.forgetting }) { onEnd() }
        #expect(scene.start(#","n":1"#).code == "idempotency_in_progress")
        scene.routes.answer("p")
        #expect(scene.start(#","n":1"#).downstream.head?.isReplayed == true && scene.sent == 2 && scene.isAtRest)
    }

    @Test func whatMayHaveBeenCarriedOutIsKept() {
        let kinds = [Failure.Kind.timeout(.firstByte), .truncated, .protocol, .unreachable]
        for kind in kinds {
            let scene = Scene()
            let call = scene.start()
            scene.routes.fail("p", Failure(kind))
            let again = scene.start()
            #expect(again.status == call.status && again.status ?? 0 >= 500, "\(kind)")
            #expect(again.downstream.body == call.downstream.body && again.downstream.head?.isReplayed == true)
            #expect(scene.sent == 1 && scene.isAtRest)
        }
    }

    @Test func aStreamThatBrokeOffIsGivenAsItWas() {
        let scene = Scene()
        let call = scene.start(#","stream":true"#)
        scene.routes.begin("p")
        scene.routes.fail("p", Failure(.truncated))
        let again = scene.start(#","stream":true"#)
        #expect(again.downstream.body == call.downstream.body && call.downstream.body.contains("upstream_truncated"))
        #expect(scene.sent == 1)
    }

    @Test func aCallThatWasCutOffIsNotMadeAgain() {
        let scene = Scene()
        let before = scene.start()
        before.driver.abort(GatehouseError(.shuttingDown, "The end."))
        #expect(before.status == 503)
        let again = scene.start()
        #expect(again.status == 409 && again.code == "idempotency_outcome_unknown" && scene.sent == 1)
        #expect(scene.start(#","n":1"#).code == "idempotency_key_reused")
        #expect(scene.isAtRest)
    }

    @Test func anAnswerThatIsTooLongIsNotMadeAgain() {
        let scene = Scene(maximumSize: 10)
        let call = scene.start()
        scene.routes.answer("p")
        #expect(call.status == 200 && call.downstream.body.contains("hi"))
        #expect(scene.start().code == "idempotency_outcome_unknown" && scene.sent == 1)
    }

    @Test func withoutTheStoreNothingIsMade() {
        let scene = Scene()
        scene.store.state.withLock { $0.isBroken = true }
        #expect(scene.start().status == 503 && scene.sent == 0 && scene.isAtRest)
        scene.store.state.withLock { $0.isBroken = false }
        #expect(scene.start().status == nil && scene.sent == 1)
    }
}
