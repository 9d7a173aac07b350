import GatehouseCore
import NIOCore
import Testing

/// Seals of function calls: gathered from translated answers, put back into histories.
@Suite struct SealTests {
    private let thought = Part(.thinking(Thinking("t")), signature: Signature(.anthropic, "S"))
    private func call(_ id: String, _ signature: Signature? = nil) -> Part {
        Part(.toolCall(ToolCall(id: id, name: "f", arguments: "{}")), signature: signature)
    }

    private func request(_ parts: Part..., role: Message.Role = .assistant) -> CanonicalRequest {
        CanonicalRequest(model: "m", messages: [Message(role: role, parts: parts)])
    }

    private let gemini =
        #"{"candidates":[{"content":{"role":"model","parts":[{"functionCall":{"id":"c1","name":"f","args":{}},"#
        + #""thoughtSignature":"U0VBTA=="},{"functionCall":{"id":"c2","name":"g","args":{}}}]},"finishReason":"STOP"}]}"#

    private let anthropic =
        #"{"id":"msg_1","type":"message","role":"assistant","model":"c","content":["#
        + #"{"type":"thinking","thinking":"t","signature":"S"},{"type":"tool_use","id":"c1","name":"f","input":{}},"#
        + #"{"type":"tool_use","id":"c2","name":"g","input":{}}],"stop_reason":"tool_use","#
        + #""usage":{"input_tokens":1,"output_tokens":1}}"#

    @Test func aWholeAnswerGivesItsSeals() {
        var dialogue = Dialogue(.chatCompletions, stream: false, to: .wire(.gemini))
        guard case .respond = dialogue.answer(gemini) else {
            Issue.record("\(dialogue.actions)")
            return
        }
        #expect(dialogue.machine.seals == [Seal(callID: "c1", thoughts: [], signature: Signature(.gemini, "U0VBTA=="))])
        var other = Dialogue(.chatCompletions, stream: false, to: .wire(.anthropic))
        _ = other.answer(anthropic)
        #expect(other.machine.seals.map(\.callID) == ["c1"], "thoughts come before the first call")
        #expect(other.machine.seals.first?.thoughts.first?.signature == Signature(.anthropic, "S"))
    }

    @Test func aStreamGivesTheSame() {
        var dialogue = Dialogue(.chatCompletions, stream: true, to: .wire(.gemini))
        dialogue.head()
        dialogue.say("data: \(gemini)\n\n")
        #expect(dialogue.machine.seals.isEmpty || dialogue.machine.isOver, "not before the answer is whole")
        dialogue.end()
        #expect(dialogue.machine.outcome == .completed)
        #expect(dialogue.machine.seals == [Seal(callID: "c1", thoughts: [], signature: Signature(.gemini, "U0VBTA=="))])
    }

    @Test func withinOneDialectNothingIsGathered() {
        var dialogue = Dialogue(.messages, stream: false, to: .wire(.anthropic))
        _ = dialogue.answer(anthropic)
        #expect(dialogue.machine.outcome == .completed && dialogue.machine.seals.isEmpty)
    }

    @Test func aHistoryGetsItsSealsBack() {
        let seals = [
            "c1": Seal(callID: "c1", thoughts: [thought], signature: nil),
            "c2": Seal(callID: "c2", thoughts: [], signature: Signature(.gemini, "G")),
        ]
        var request = request(.text("x"), Part(.thinking(Thinking("t"))), call("c1"), call("c2"), call("c3"))
        request.restoreSeals { seals[$0] }
        let parts = request.messages[0].parts
        #expect(parts.map(\.kindName) == ["text", "thinking", "tool call", "tool call", "tool call"])
        #expect(parts[1] == thought, "in the place of what the caller showed of it")
        #expect(parts.map(\.signature?.value) == [nil, "S", nil, "G", nil])
    }

    @Test func aHistoryThatKeptItsSealsIsLeftAlone() {
        let find: (String) -> Seal? = { Seal(callID: $0, thoughts: [], signature: Signature(.gemini, "other")) }
        for kept in [
            request(call("c1", Signature(.gemini, "own")), call("c2")), request(thought, call("c1")),
            request(.text("no call")), request(call("c1"), role: .user),
        ] {
            var restored = kept
            restored.restoreSeals(find)
            #expect(restored == kept)
        }
    }
}
