import GatehouseCore
import GatehouseTesting
import NIOCore
import Testing

@Suite struct OpenAIByteStreamTests {
    static let first =
        #"data: {"choices":[{"index":0,"delta":{"content":"\"usage\":1"},"finish_reason":null}],"usage":null}"#
    static let last = #"data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}"#
    static let usage =
        #"data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7,"#
        + #""prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}}}"#
    static let done = "data: [DONE]"

    static func text(_ events: String...) -> String { events.map { $0 + "\n\n" }.joined() }

    private func run(
        _ text: String, cuts: [Int]? = nil, hide: Bool, terminator: OpenAIByteStream.Terminator = .done
    ) -> (out: String, failure: Failure?, stream: OpenAIByteStream) {
        var stream = OpenAIByteStream(hideUsage: hide, terminator: terminator)
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        func keep(_ pieces: Pieces) {
            switch pieces {
            case .none: break
            case .one(let piece): out += Array(piece.readableBytesView)
            case .many(let list): for piece in list { out += Array(piece.readableBytesView) }
            }
        }
        let cuts = cuts ?? [0, bytes.count]
        for (from, to) in zip(cuts, cuts.dropFirst()) where from < to {
            let output = stream.receive(ByteBuffer(bytes: bytes[from..<to]))
            keep(output.pieces)
            if let failure = output.failure { return (String(decoding: out, as: UTF8.self), failure, stream) }
        }
        if stream.isDone { return (String(decoding: out, as: UTF8.self), nil, stream) }
        let output = stream.end()
        keep(output.pieces)
        return (String(decoding: out, as: UTF8.self), output.failure, stream)
    }

    @Test func passesBytesOnUntouched() {
        let text = Self.text(": hello", Self.first, Self.last, Self.usage, Self.done)
        let result = run(text, hide: false)
        #expect(result.out == text)
        #expect(result.failure == nil)
        #expect(result.stream.usage == Usage(input: 3, output: 4, cachedInput: 2, reasoning: 1))
    }

    @Test func hidesTheUsageThatTheCallerDidNotAskFor() {
        let result = run(Self.text(Self.first, Self.last, Self.usage, Self.done), hide: true)
        let plain = [Self.first, Self.last].map { $0.replacing(#","usage":null"#, with: "") }
        #expect(result.out == plain.map { $0 + "\n\n" }.joined() + "data: [DONE]\n\n")
        #expect(result.stream.usage?.output == 4)
    }

    /// Who speaks is not yet an answer: an error behind it can still have a status of its own, and another target be tried.
    @Test func holdsTheRoleBackUntilSomethingIsSaid() {
        let role = #"data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}"#
        var stream = OpenAIByteStream(hideUsage: true)
        #expect(stream.receive(ByteBuffer(string: role + "\n\n")).pieces.isEmpty)
        var broken = stream
        let error = broken.receive(ByteBuffer(string: #"data: {"error":{"message":"m","code":500}}"# + "\n\n"))
        #expect(error.pieces.isEmpty && error.failure?.kind == .upstream && !broken.hasContent)
        var cut = stream
        #expect(cut.end().failure?.kind == .truncated)
        let word = #"data: {"choices":[{"index":0,"delta":{"content":"a"}}]}"#
        let output = stream.receive(ByteBuffer(string: word + "\n\n"))
        var passed = ""
        if case .many(let pieces) = output.pieces { for piece in pieces { passed += String(buffer: piece) } }
        #expect(passed == role.replacing(#","usage":null"#, with: "") + "\n\n" + word + "\n\n")
    }

    @Test func cutsAUsageMemberAnywhere() {
        for text in [
            #"{"usage":null,"choices":[{"text":"a"}]}"#, #"{ "usage" : null , "choices":[{"text":"a"}]}"#,
            #"{"choices":[{"text":"a"}] , "usage":null}"#,
        ] {
            let out = run(Self.text("data: " + text, Self.done), hide: true).out
            let body = out.dropFirst(6).prefix { $0 != "\n" }
            let value = try? JSONValue(parsing: Array(body.utf8))
            #expect(value?["choices"] != nil && value?["usage"] == nil, "\(out)")
        }
    }

    @Test func anySplitGivesTheSameBytes() {
        let text = Self.text(": c", Self.first, Self.last, Self.usage, Self.done)
        let whole = run(text, hide: true).out
        for seed in 0..<2000 {
            var random = SeededGenerator(seed: UInt64(seed))
            let result = run(text, cuts: random.cuts(of: text.utf8.count), hide: true)
            #expect(result.out == whole && result.failure == nil, "seed \(seed)")
        }
    }

    /// However much is missing: no terminator, no finish reason that the upstream did not send, and a failure.
    @Test func aCutAtAnyByteIsAFailure() {
        let text = Self.text(Self.first, Self.last, Self.usage, Self.done)
        let doneAt = text.utf8.count - 2 - "[DONE]".utf8.count
        for length in 0..<text.utf8.count {
            let result = run(String(decoding: Array(text.utf8.prefix(length)), as: UTF8.self), hide: false)
            let isWhole = length >= doneAt + 6
            #expect((result.failure == nil) == isWhole, "cut at \(length)")
            #expect(text.hasPrefix(result.out), "cut at \(length)")
            if !isWhole { #expect(!result.out.contains("[DONE]"), "cut at \(length)") }
        }
    }

    @Test func garbageIsAFailure() {
        for garbage in [
            "data: {\"choices\":[", "data: hello", "data: [1]", "data: {\"a\":\u{01}}", "data: {}x", "<html>", "",
        ] {
            let text = Self.text(Self.first, garbage)
            let result = run(text, hide: false)
            #expect(result.failure != nil, "\(garbage)")
            #expect(text.hasPrefix(result.out), "\(garbage)")
            #expect(!result.out.contains("data: {\"choices\":[\n"), "\(garbage)")
        }
    }

    @Test(
        arguments: [
            (#"{"error":{"message":"secret","type":"server_error"}}"#, Failure.Kind.upstream),
            (#"{"error":{"code":429,"message":"x"}}"#, .rate), (#"{"error":{"code":"insufficient_quota"}}"#, .quota),
            (#"{"error":{"code":"context_length_exceeded"}}"#, .contextLength), (#"{"error":{"code":503}}"#, .capacity),
            (#"{"error":"boom"}"#, .upstream),
        ] as [(String, Failure.Kind)])
    func errorEventsAreFailures(event: String, kind: Failure.Kind) {
        for prefix in ["", Self.text(Self.first)] {
            let result = run(prefix + Self.text("data: " + event), hide: false)
            #expect(result.failure?.kind == kind)
            #expect(!result.out.contains("error") && result.failure?.hint?.contains("secret") != true)
        }
    }

    @Test func someVendorsSendNoTerminator() {
        let text = Self.text(Self.first, Self.last)
        #expect(run(text, hide: false, terminator: .doneOrFinishReason).failure == nil)
        #expect(run(text, hide: false).failure?.kind == .truncated)
        #expect(run(Self.text(Self.first), hide: false, terminator: .doneOrFinishReason).failure?.kind == .truncated)
        #expect(run(text + "data: {", hide: false, terminator: .doneOrFinishReason).failure?.kind == .truncated)
    }

    @Test func theTerminatorMayEndWithoutABlankLine() {
        let text = Self.text(Self.first) + "data: [DONE]\n"
        let result = run(text, hide: false)
        #expect(result.out == text && result.failure == nil)
    }

    @Test func aTerminatorAloneIsEmpty() {
        #expect(run(Self.text(Self.done), hide: false).failure?.kind == .empty)
        #expect(run("", hide: false).failure?.kind == .empty)
    }
}
