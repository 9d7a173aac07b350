import GatehouseCore
import NIOCore
import Testing

@Suite struct CallMachineTests {
    private func machine(
        stream: Bool, lane: UpstreamLane = .wire(.openAIChat), kind: GatehouseError.UpstreamKind = .provider
    ) -> CallMachine {
        CallMachine(
            .init(
                operation: .chatCompletions, stream: stream, lane: lane, upstreamKind: kind,
                identity: AnswerIdentity(call: "1", model: "m", created: 5)))
    }

    private func bytes(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }
    private let json = UpstreamHead(status: 200, contentType: "application/json")
    private let events = UpstreamHead(status: 200, contentType: "text/event-stream")
    private let chunk = #"data: {"choices":[{"delta":{"content":"x"}}]}"# + "\n\n"
    private let whole = #"{"choices":[{}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#

    @Test func aWholeAnswer() {
        var machine = machine(stream: false)
        #expect(machine.received(head: json) == .wait)
        #expect(machine.received(bytes: bytes(String(whole.prefix(10)))) == .wait)
        #expect(machine.received(bytes: bytes(String(whole.dropFirst(10)))) == .wait)
        #expect(machine.receivedEnd() == .respond(bytes(whole)))
        #expect(machine.outcome == .completed)
        #expect(machine.usage == Usage(input: 1, output: 2))
        #expect(machine.received(bytes: bytes("late")) == .wait)
        #expect(machine.clientGone() == .wait)
    }

    @Test func aStream() {
        var machine = machine(stream: true)
        #expect(machine.received(head: events) == .wait)
        #expect(machine.received(bytes: bytes(": comment\n\n")) == .wait)
        #expect(machine.received(bytes: bytes(chunk)) == .begin(.one(bytes(": comment\n\n" + chunk))))
        #expect(machine.isCommitted)
        #expect(machine.received(bytes: bytes("data: {")) == .wait)
        #expect(machine.received(bytes: bytes("}\n\n")) == .relay(.one(bytes("data: {}\n\n"))))
        #expect(
            machine.received(bytes: bytes("data: [DONE]\n\n"))
                == .finish(.one(bytes("data: [DONE]\n\n")), begins: false))
        #expect(machine.receivedEnd() == .wait)
    }

    @Test func aStreamInOnePiece() {
        var machine = machine(stream: true)
        _ = machine.received(head: events)
        let all = chunk + "data: [DONE]\n\n"
        #expect(machine.received(bytes: bytes(all)) == .finish(.one(bytes(all)), begins: true))
    }

    private func code(_ action: CallMachine.Action) -> GatehouseError.Code? {
        switch action {
        case .fail(let error), .breakOff(_, let error): error.code
        default: nil
        }
    }

    @Test func aStreamThatBreaks() {
        var machine = machine(stream: true)
        _ = machine.received(head: events)
        _ = machine.received(bytes: bytes(chunk))
        let action = machine.failed(Failure(.truncated))
        guard case .breakOff = action else { return #expect(Bool(false), "\(action)") }
        #expect(code(action) == .upstreamTruncated)
        #expect(machine.failed(Failure(.truncated)) == .wait)
    }

    @Test func aStreamThatEndsEarly() {
        var machine = machine(stream: true)
        _ = machine.received(head: events)
        _ = machine.received(bytes: bytes(chunk))
        #expect(code(machine.receivedEnd()) == .upstreamTruncated)
    }

    @Test func anErrorBeforeTheFirstByteHasItsStatus() {
        var machine = machine(stream: true)
        _ = machine.received(head: events)
        let action = machine.received(bytes: bytes("data: {\"error\":{\"code\":429}}\n\n"))
        guard case .fail(let error) = action else { return #expect(Bool(false), "\(action)") }
        #expect(error.code == .upstreamRateLimited && error.retryAfter == 1)
    }

    @Test(
        arguments: [
            (401, GatehouseError.Code.upstreamAuthFailed), (402, .upstreamQuotaExhausted), (403, .upstreamAuthFailed),
            (404, .upstreamModelUnknown), (400, .upstreamRejected), (422, .upstreamRejected),
            (429, .upstreamRateLimited),
            (500, .upstreamError), (502, .upstreamError), (503, .upstreamOverloaded), (529, .upstreamOverloaded),
            (504, .upstreamTimeout), (302, .upstreamInvalidResponse), (101, .upstreamInvalidResponse),
        ] as [(Int, GatehouseError.Code)])
    func statusesAreClassified(status: Int, code expected: GatehouseError.Code) {
        for stream in [true, false] {
            var machine = machine(stream: stream)
            let first = machine.received(head: UpstreamHead(status: status, contentType: "text/html"))
            let action =
                first == .wait
                ? {
                    _ = machine.received(bytes: bytes("<secret>")); return machine.receivedEnd()
                }() : first
            #expect(code(action) == expected)
        }
    }

    /// Whatever an error says, it is no answer: nothing of it counts.
    @Test func errorsCountNothing() {
        let body = #"{"error":{"message":"x"},"usage":{"prompt_tokens":9,"completion_tokens":9}}"#
        for (status, stream) in [(429, true), (500, false), (200, false)] {
            var machine = machine(stream: stream)
            _ = machine.received(head: UpstreamHead(status: status, contentType: "application/json"))
            _ = machine.received(bytes: bytes(body))
            _ = machine.receivedEnd()
            #expect(machine.outcome != .completed && machine.usage == nil, "\(status)")
        }
    }

    @Test(arguments: [
        "", "[]", "<html>", "{\"choices\":[", "{}", #"{"choices":[]}"#, #"{"error":{"message":"x"}}"#, "null",
    ])
    func aWholeAnswerThatIsNone(body: String) {
        var machine = machine(stream: false)
        _ = machine.received(head: json)
        _ = machine.received(bytes: bytes(body))
        let code = code(machine.receivedEnd())
        #expect(code == .upstreamInvalidResponse || code == .upstreamError)
    }

    @Test func theWrongKindOfAnswer() {
        var html = machine(stream: true)
        #expect(
            code(html.received(head: UpstreamHead(status: 200, contentType: "text/html"))) == .upstreamInvalidResponse)
        var stream = machine(stream: false)
        #expect(code(stream.received(head: events)) == .upstreamInvalidResponse)
        var whole = machine(stream: true)
        _ = whole.received(head: json)
        _ = whole.received(bytes: bytes(self.whole))
        #expect(code(whole.receivedEnd()) == .upstreamInvalidResponse)
    }

    @Test func aLargeAnswerIsRefused() {
        var machine = machine(stream: false)
        _ = machine.received(head: json)
        let piece = ByteBuffer(repeating: 0x20, count: 8 << 20)
        var last = CallMachine.Action.wait
        for _ in 0..<5 where last == .wait { last = machine.received(bytes: piece) }
        #expect(code(last) == .upstreamInvalidResponse)
    }

    @Test func theClientLeaves() {
        for commits in [true, false] {
            var machine = machine(stream: true)
            _ = machine.received(head: events)
            if commits { _ = machine.received(bytes: bytes(chunk)) }
            #expect(machine.clientGone() == .stop)
            #expect(machine.outcome == .clientGone)
            #expect(machine.received(bytes: bytes(chunk)) == .wait)
        }
    }

    @Test func thisGatewayEndsTheCall() {
        let error = GatehouseError(.shuttingDown, "bye")
        var early = machine(stream: true)
        #expect(early.abort(error) == .fail(error))
        var late = machine(stream: true)
        _ = late.received(head: events)
        _ = late.received(bytes: bytes(chunk))
        #expect(late.abort(error) == .breakOff(.none, error))
    }

    @Test func eventsBecomeAWholeAnswer() throws {
        var machine = machine(stream: false, lane: .events, kind: .agent)
        #expect(machine.received(event: .started(AnswerStart(session: "s"))) == .wait)
        #expect(machine.received(event: .textDelta("a\"")) == .wait)
        #expect(machine.received(event: .toolCallDelta(index: 0, id: "c", name: "f", arguments: "{}")) == .wait)
        let action = machine.received(event: .finished(Finish(.toolCalls, usage: Usage(input: 1, output: 2))))
        guard case .respond(let body) = action else { return #expect(Bool(false), "\(action)") }
        let value = try JSONValue(parsing: body.readableBytesView)
        #expect(value["choices"]?[0]?["message"]?["content"]?.string == "a\"")
        #expect(value["choices"]?[0]?["message"]?["tool_calls"]?[0]?["function"]?["name"]?.string == "f")
        #expect(value["usage"]?["total_tokens"]?.int == 3)
        #expect(value["id"]?.string == "chatcmpl-1")
    }

    @Test func eventsBecomeAStream() {
        var machine = machine(stream: true, lane: .events, kind: .agent)
        #expect(machine.received(event: .started(AnswerStart())) == .wait)
        guard case .begin(.many(let pieces)) = machine.received(event: .textDelta("hi")) else {
            return #expect(Bool(false), "no begin")
        }
        #expect(pieces.count == 2)
        guard case .finish(.one(let end), begins: false) = machine.received(event: .finished(Finish(.stop))) else {
            return #expect(Bool(false), "no finish")
        }
        #expect(String(buffer: end).hasSuffix("data: [DONE]\n\n"))
    }

    @Test func anAgentThatIsLoggedOutHasAStatus() {
        var machine = machine(stream: true, lane: .events, kind: .agent)
        _ = machine.received(event: .started(AnswerStart()))
        #expect(code(machine.failed(Failure(.auth))) == .agentNotAuthenticated)
    }

    @Test func everyFailureHasACode() {
        let kinds: [Failure.Kind] =
            [
                .unreachable, .tls, .auth, .quota, .rate, .capacity, .modelUnknown, .contextLength, .input, .upstream,
                .protocol,
                .truncated, .denied, .empty, .cancelled, .crashed, .failed, .outputTooLarge, .spawn, .sandbox, .busy,
            ] + Failure.Phase.allCases.map { .timeout($0) }
        for kind in kinds {
            for upstream in [GatehouseError.UpstreamKind.provider, .agent] {
                let error = GatehouseError(Failure(kind, detail: "secret detail"), of: upstream)
                #expect(error.code.status >= 400 && !error.message.contains("secret"))
                let needsWait = [429, 503].contains(error.code.status)
                #expect(!needsWait || error.retryAfter != nil)
            }
        }
    }
}
