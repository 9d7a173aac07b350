import GatehouseCore
import Testing

@testable import GatehouseUpstream

@Suite struct SessionTranscriptTests {
    private static func message(_ role: Message.Role, _ text: String) -> Message {
        Message(role: role, parts: [.text(text)])
    }

    private let begun = [Self.message(.system, "Be brief."), Self.message(.user, "first")]

    private func kept(_ answer: String...) -> AgentSession {
        var hash = AnswerHash()
        for piece in answer { hash.add(piece) }
        return AgentSession(
            vendor: "v", directory: "/", conversation: "c", said: SessionTranscript(begun).said, answer: hash.text)
    }

    private func transcript(_ messages: Message...) -> SessionTranscript { SessionTranscript(begun + messages) }

    @Test func goesOnFromWhatWasSaid() {
        let next = transcript(Self.message(.assistant, "An answer. "), Self.message(.user, "second"))
        #expect(next.continues(kept("An ans", "wer.\n")))
        #expect(next.latest.map { AgentPrompt.text(of: $0) } == ["second"])
    }

    @Test func notFromAnythingElse() {
        let kept = kept("An answer.")
        let answer = Self.message(.assistant, "An answer.")
        let second = Self.message(.user, "second")
        #expect(!SessionTranscript(begun).continues(kept))
        #expect(!transcript(answer).continues(kept))
        #expect(!transcript(Self.message(.assistant, "Another."), second).continues(kept))
        #expect(!transcript(second, answer, second).continues(kept))
        #expect(!SessionTranscript([begun[1], answer, second]).continues(kept))
        let moved = [Self.message(.system, "Be brief.f"), Self.message(.user, "irst"), answer, second]
        #expect(!SessionTranscript(moved).continues(kept))
    }
}
