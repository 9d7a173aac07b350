import GatehouseCore
import NIOCore
import Synchronization
import Testing

@testable import GatehouseEngine

/// Responses in the background: what is recorded of them, and what is read from that.
@Suite struct ResponseEventsTests {
    /// Keeps nothing: all is in memory.
    private final class Store: RunStore {
        func begin(_ record: RunRecord) async throws(GatehouseError) {}
        func append(_ events: ByteBuffer, numbers: ClosedRange<Int>, to id: String) {}
        func end(_ record: RunRecord, onEnd: @escaping @Sendable () -> Void) { onEnd() }
        func find(_ id: String, owner: String) async throws(GatehouseError) -> RunRecord? { nil }
        func list(owner: String, atMost limit: Int) async throws(GatehouseError) -> [RunRecord] { [] }
        func delete(_ id: String, owner: String) async throws(GatehouseError) -> Bool { false }
        func events(of id: String, after last: Int) async throws(GatehouseError) -> (bytes: ByteBuffer, last: Int)? {
            nil
        }
    }

    private static let asked = JSONValue.object(["model": .string("m"), "metadata": .object(["a": .string("b")])])

    private static func scene() -> (Run, ResponseRecorder) {
        let (id, value) = ResponseEvents.queued(asked, "xyz", model: "m", created: 5)
        let run = Run(RunRecord(id: id, owner: "ann", session: nil, model: "m", created: 5), store: Store())
        let recorder = ResponseRecorder(run, answering: value, ConversationMemory(), clock: { 9 }, onEnd: {})
        run.add(ResponseEvents.write(1, "response.created", response: value))
        return (run, recorder)
    }

    private static func document(_ run: Run) async throws -> JSONValue {
        ResponseEvents.document(run.record, try await run.all())
    }

    private static func event(_ type: String, _ rest: String) -> ByteBuffer {
        ByteBuffer(string: "event: \(type)\ndata: {\"type\":\"\(type)\",\"sequence_number\":77\(rest)}\n\n")
    }

    @Test func aVendorsEventsGetOurNumbersAndId() async throws {
        let (run, recorder) = Self.scene()
        #expect(try await Self.document(run)["status"]?.string == "queued")
        recorder.write(
            Self.event("response.created", #","response":{"id":"resp_v","status":"in_progress","output":[]}"#))
        recorder.write(ByteBuffer(string: ": a comment\n\n"))
        // Cut anywhere.
        let delta = String(buffer: Self.event("response.output_text.delta", #","delta":"a\nb""#))
        recorder.write(ByteBuffer(string: String(delta.prefix(30))))
        recorder.write(ByteBuffer(string: String(delta.dropFirst(30))))
        recorder.write(
            Self.event(
                "response.completed", #","response":{"id":"resp_v","status":"completed","output":[{"type":"x"}]}"#))
        recorder.endStream()
        let events = try await run.all().compactMap(NumberedEvents.fields)
        #expect(events.map(\.name) == ["response.created", "response.output_text.delta", "response.completed"])
        #expect(events.map { $0.data["sequence_number"]?.int } == [0, 1, 2])
        #expect(events[1].data["delta"]?.string == "a\nb")
        let done = try await Self.document(run)
        #expect(run.record.status == .finished && done["status"]?.string == "completed")
        #expect(done["id"]?.string == run.id && done["background"]?.bool == true && done["output"]?[0] != nil)
    }

    @Test func whateverEndsItOtherwiseIsAFailure() async throws {
        let ends: [(ResponseRecorder) -> Void] = [
            { $0.endStream() }, { $0.sever() },
            { recorder in
                recorder.respond(
                    CallResponseHead(status: 429, requestID: "r"),
                    body: ByteBuffer(string: #"{"error":{"message":"no","code":"upstream_rate_limited"}}"#))
            },
            { recorder in
                recorder.write(
                    Self.event("response.failed", #","response":{"id":"r","status":"failed","error":{"code":"c"}}"#))
                recorder.endStream()
            },
        ]
        for end in ends {
            let (run, recorder) = Self.scene()
            end(recorder)
            let done = try await Self.document(run)
            #expect(run.record.status == .failed && done["status"]?.string == "failed")
            #expect(done["error"]?["code"]?.string != nil && done["id"]?.string == run.id)
            // Its last word is the last.
            recorder.endStream()
            #expect(run.record.status == .failed)
        }
    }

    @Test func whatIsKnownOfOneThatWasInterrupted() {
        var record = RunRecord(id: "resp_gh_1", owner: "ann", session: nil, model: "m", created: 5)
        for (status, shown) in [
            (.cancelled, "cancelled"), (.interrupted, "failed"), (.running, "queued"),
        ] as [(RunRecord.Status, String)] {
            record.status = status
            let document = ResponseEvents.document(record, [RunService.interruption("resp_gh_1", 1, at: 1)])
            #expect(document["status"]?.string == shown && document["id"]?.string == "resp_gh_1")
            #expect((document["error"]?.isNull == false) == (shown == "failed"))
        }
    }

    @Test func numbersAreTakenOffAgain() {
        let bytes = ByteBuffer(string: "id: 1\nevent: a\ndata: {}\n\n: comment\n\nid: 2\nevent: b\ndata: {}\n\n")
        #expect(String(buffer: NumberedEvents.bare(bytes)) == "event: a\ndata: {}\n\nevent: b\ndata: {}\n\n")
    }

    @Test func aKeptAnswerIsWhatItWas() throws {
        let said = try ResponsesHistory.said(in: .object(["input": .string("q")]))
        let whole = ResponsesHistory.whole(
            said, with: [ByteBuffer(string: #"{"type":"message"}"#)], summary: ByteBuffer(string: #"{"id":"r"}"#))
        let kept = try JSONValue(parsing: whole.readableBytesView)
        let (answer, asked) = try #require(ResponsesHistory.answer(ofKept: kept))
        #expect(answer.text == #"{"id":"r","output":[{"type":"message"}]}"#)
        #expect(asked.count == 1 && ResponsesHistory.items(ofKept: kept)?.count == 2)
        // What was kept before is a conversation, and no answer that could be given again.
        #expect(ResponsesHistory.answer(ofKept: .array([])) == nil)
        #expect(ResponsesHistory.items(ofKept: .array([.null]))?.count == 1)
        let odd = #"{"items":[],"output":3,"answer":{}}"#
        #expect(ResponsesHistory.answer(ofKept: try JSONValue(parsing: odd.utf8)) == nil)
    }
}
