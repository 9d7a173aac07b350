import GatehouseCore
import GatehouseEngine
import GatehouseTesting
import NIOCore
import NIOEmbedded
import Testing

/// What a call keeps for `previous_response_id`, and how one goes on.
@Suite struct ConversationCallTests {
    private let answer =
        #"{"choices":[{"index":0,"message":{"role":"assistant","content":"b"},"finish_reason":"stop"}]}"#
    private let chunks =
        #"data: {"choices":[{"index":0,"delta":{"content":"b"}}]}"# + "\n\n"
        + #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"# + "\n\n"

    private func roles(_ scene: CallScene) -> [String]? {
        scene.sentJSON?["messages"]?.array?.compactMap { $0["role"]?.string }
    }

    @Test func aWholeAnswerAndAStreamGoOnAlike() {
        for streams in [false, true] {
            let scene = CallScene(.wire(.openAIChat))
            let first = scene.start(.responses, #"{"model":"m","input":"a","stream":\#(streams)}"#, id: "one")
            if streams { first.stream(chunks + "data: [DONE]\n\n") } else { first.answer(answer) }
            let second = scene.start(
                .responses, #"{"model":"m","input":"c","previous_response_id":"resp_gh_one"}"#, id: "two")
            #expect(roles(scene) == ["user", "assistant", "user"])
            #expect(scene.sentJSON?["messages"]?[1]?["content"]?.string == "b")
            second.answer(answer)
            #expect(second.json?["previous_response_id"]?.string == "resp_gh_one")
            #expect(second.json?["store"]?.bool == true && second.json?["id"]?.string == "resp_gh_two")
            _ = scene.start(.responses, #"{"model":"m","previous_response_id":"resp_gh_two"}"#)
            #expect(roles(scene) == ["user", "assistant", "user", "assistant"])
        }
    }

    @Test func aSourceOfEventsGoesOnToo() {
        for streams in [false, true] {
            let scene = CallScene(.events)
            let first = scene.start(.responses, #"{"model":"m","input":"a","stream":\#(streams)}"#, id: "one")
            first.reply?.received(event: .textDelta("b"))
            first.reply?.received(event: .finished(Finish(.stop)))
            _ = scene.start(.responses, #"{"model":"m","input":"c","previous_response_id":"resp_gh_one"}"#)
            guard case .canonical(let request) = scene.upstream.requests.last?.payload else {
                Issue.record("no canonical request")
                continue
            }
            #expect(request.messages.map(\.role) == [.user, .assistant, .user])
            #expect(request.messages.map { $0.text() } == ["a", "b", "c"] && request.previousResponse == nil)
        }
    }

    @Test(arguments: ["resp_gh_none", "resp_1234", ""])
    func anUnknownAnswerIsNotFound(id: String) {
        let scene = CallScene(.wire(.anthropic))
        let call = scene.start(.responses, #"{"model":"m","input":"a","previous_response_id":"\#(id)"}"#)
        #expect(call.error == (404, "previous_response_not_found", "previous_response_id"))
        #expect(scene.upstream.requests.isEmpty)
        #expect(scene.observer.records.map(\.errorCode) == [.previousResponseNotFound])
    }

    @Test func anothersAnswerIsNotFound() {
        let scene = CallScene(.wire(.openAIChat))
        scene.start(.responses, #"{"model":"m","input":"a"}"#, id: "one").answer(answer)
        let going = #"{"model":"m","input":"c","previous_response_id":"resp_gh_one"}"#
        #expect(scene.start(.responses, going, owner: "bob").error.code == "previous_response_not_found")
        #expect(scene.start(.responses, going, owner: "alice").downstream.head == nil)
    }

    @Test func whatShallNotBeKeptIsNot() {
        let scene = CallScene(.wire(.openAIChat))
        let first = scene.start(.responses, #"{"model":"m","input":"a","store":false}"#, id: "one")
        first.answer(answer)
        #expect(first.json?["store"]?.bool == false)
        // Nor is an answer that broke off, failed, or that nobody waited for.
        let stream = #"{"model":"m","input":"a","stream":true}"#
        let second = scene.start(.responses, stream, id: "two")
        second.stream(chunks)
        second.reply?.failed(Failure(.truncated))
        let third = scene.start(.responses, stream, id: "three")
        third.stream(chunks)
        third.driver.clientGone()
        scene.start(.responses, #"{"model":"m","input":"a"}"#, id: "four").answer(#"{"error":{"message":"no"}}"#)
        for id in ["one", "two", "three", "four"] {
            let going = #"{"model":"m","input":"c","previous_response_id":"resp_gh_\#(id)"}"#
            #expect(scene.start(.responses, going).error.status == 404, "\(id)")
        }
    }

    @Test func whatIsTooLargeIsNotPromised() {
        let conversations = ConversationMemory(.init(entry: 200))
        let scene = CallScene(.wire(.openAIChat), memory: CallMemory(conversations: conversations))
        let text = String(repeating: "x", count: 300)
        let first = scene.start(.responses, #"{"model":"m","input":"\#(text)"}"#, id: "one")
        first.answer(answer)
        #expect(first.json?["store"]?.bool == false && conversations.size == 0)
    }

    @Test func theIDOfAnAnswerIsItsOwnWhereTheCallersWouldRepeat() {
        let scene = CallScene(.wire(.openAIChat))
        for number in 1...2 {
            let call = scene.start(.responses, #"{"model":"m","input":"\#(number)"}"#, id: "same") {
                $0.answerID = "own\(number)"
            }
            call.answer(answer)
            #expect(call.json?["id"]?.string == "resp_gh_own\(number)")
        }
        _ = scene.start(.responses, #"{"model":"m","input":"x","previous_response_id":"resp_gh_own1"}"#, id: "same")
        #expect(scene.sentJSON?["messages"]?[0]?["content"]?.string == "1")
    }

    @Test func anOriginGetsItsOwnIDBackAndHearsWhatItCannotKnow() {
        let scene = CallScene(.wire(.openAIResponses))
        let own = #"{"model":"p/m","input":"c","previous_response_id":"resp_own"}"#
        _ = scene.start(.responses, own)
        #expect(scene.sent == own.replacing("p/m", with: "m"))
        let chat = CallScene(.wire(.openAIChat), memory: scene.memory)
        chat.start(.responses, #"{"model":"m","input":"a"}"#, id: "one").answer(answer)
        let going = scene.start(
            .responses, #"{"model":"m","input":"c","previous_response_id":"resp_gh_one","store":true}"#, id: "two")
        #expect(scene.sentJSON?["input"]?.array?.compactMap { $0["role"]?.string } == ["user", "assistant", "user"])
        #expect(scene.sentJSON?["previous_response_id"] == nil && scene.sentJSON?["store"]?.bool == true)
        // The answer is the origin's to keep.
        let size = (scene.memory.conversations as? ConversationMemory)?.size
        going.answer(
            #"{"id":"resp_2","status":"completed","output":[{"type":"message","role":"assistant","content":[]}]}"#)
        #expect(going.json?["id"]?.string == "resp_2")
        #expect((scene.memory.conversations as? ConversationMemory)?.size == size)
        // An id in this gateway's manner that it does not know may come from a gateway behind it.
        _ = scene.start(.responses, own.replacing("resp_own", with: "resp_gh_zz"))
        #expect(scene.sentJSON?["previous_response_id"]?.string == "resp_gh_zz")
    }

    // MARK: A store that takes its time

    /// Answers when it is told to.
    private final class SlowStore: ConversationStore {
        let promise: EventLoopPromise<ByteBuffer?>
        let maximumSize = 1000

        init(_ loop: any EventLoop) { promise = loop.makePromise() }

        func conversation(_ id: String, owner: String, on eventLoop: any EventLoop) -> EventLoopFuture<ByteBuffer?> {
            promise.futureResult
        }

        func keep(_ conversation: ByteBuffer, id: String, owner: String) {}
    }

    private struct StoreIsDown: Error {}

    private func waiting(_ body: (CallScene, CallScene.Call, EventLoopPromise<ByteBuffer?>) -> Void) {
        let store = SlowStore(EmbeddedEventLoop())
        let scene = CallScene(.wire(.openAIChat), memory: CallMemory(conversations: store))
        let call = scene.start(.responses, #"{"model":"m","input":"c","previous_response_id":"resp_gh_1"}"#)
        #expect(scene.upstream.requests.isEmpty && call.downstream.head == nil)
        body(scene, call, store.promise)
        store.promise.succeed(nil)
        #expect(scene.observer.records.count <= 1)
    }

    @Test func aCallWaitsForTheStore() {
        waiting { scene, call, promise in
            call.driver.downstreamWritable(false)
            promise.succeed(ByteBuffer(string: #"[{"role":"user","content":"a"}]"#))
            #expect(roles(scene) == ["user", "user"] && scene.upstream.last?.isReading == false)
            call.answer(answer)
            #expect(scene.observer.records.map(\.outcome) == [.completed])
        }
    }

    @Test func aCallerWhoLeavesMeanwhileIsSettledOnce() {
        waiting { scene, call, promise in
            call.driver.clientGone()
            #expect(scene.observer.records.map(\.outcome) == [.clientGone])
            #expect(scene.observer.records.map(\.status) == [499])
            promise.succeed(nil)
            call.driver.clientGone()
            call.driver.abort(GatehouseError(.shuttingDown, "bye"))
            #expect(scene.upstream.requests.isEmpty && call.downstream.head == nil)
        }
    }

    @Test func aGatewayThatEndsMeanwhileSaysSo() {
        waiting { scene, call, promise in
            call.driver.abort(GatehouseError(.shuttingDown, "bye"))
            #expect(call.error.code == "shutting_down")
            promise.succeed(nil)
            #expect(scene.upstream.requests.isEmpty)
            #expect(scene.observer.records.map(\.errorCode) == [.shuttingDown])
        }
    }

    @Test func aStoreThatFailsIsAnErrorOfThisGateway() {
        for result in [Result<ByteBuffer?, any Error>.failure(StoreIsDown()), .success(ByteBuffer(string: "{"))] {
            waiting { scene, call, promise in
                promise.completeWith(result)
                #expect(call.error.status == 500 && call.error.code == "internal_error")
                #expect(scene.observer.records.map(\.errorCode) == [.internalError])
            }
        }
    }
}
