import GatehouseCore
import NIOCore

/// The relay of a stream: every cut gives the same bytes and the same end, and no byte is made up.
enum StreamFuzz {
    static func run(_ input: UnsafeBufferPointer<UInt8>) {
        let bytes = Array(input)
        let modes = input.first ?? 0
        let terminator: OpenAIByteStream.Terminator = modes & 1 == 0 ? .done : .doneOrFinishReason
        let hideUsage = modes & 2 == 0
        let outcomes = Cuts.all(bytes[...].dropFirst()).map {
            Outcome($0, OpenAIByteStream(hideUsage: hideUsage, terminator: terminator))
        }
        for outcome in outcomes {
            promise(
                outcome.agrees(with: outcomes[0]), "another cut gives another answer:\n\(outcome)\nfor\n\(outcomes[0])")
            outcome.check(against: bytes[...].dropFirst(), hideUsage: hideUsage, terminator: terminator)
        }
    }

    /// What a caller sees of a stream.
    private struct Outcome: CustomStringConvertible {
        var passed: [UInt8] = []
        var failure: Failure.Kind?
        var usage: Usage?
        var isDone = false

        init(_ pieces: [ByteBuffer], _ stream: OpenAIByteStream) {
            var stream = stream
            for piece in pieces where failure == nil { take(stream.receive(piece)) }
            if failure == nil { take(stream.end()) }
            usage = stream.usage
            isDone = stream.isDone
        }

        var description: String {
            let end = failure.map { "\($0)" } ?? "whole"
            return "\(end) \(String(decoding: passed, as: UTF8.self).debugDescription) \(usage.map { "\($0)" } ?? "")"
        }

        /// Whether the two answer the same. A stream that breaks may lose whole events that came in one read with the
        /// broken one. The line feed of a closing CR LF may come when its event was already cut out or the stream is
        /// over: blank lines may differ, as they mean nothing between events.
        func agrees(with other: Outcome) -> Bool {
            guard failure == other.failure, usage == other.usage, isDone == other.isDone else { return false }
            guard failure == nil else { return passed.starts(with: other.passed) || other.passed.starts(with: passed) }
            return PlainSSE.events(passed) == PlainSSE.events(other.passed) && lines == other.lines
        }

        private var lines: [[UInt8]] { PlainSSE.lines(passed).filter { !$0.isEmpty } }

        private mutating func take(_ output: OpenAIByteStream.Output) {
            switch output.pieces {
            case .none: break
            case .one(let piece): passed += piece.readableBytesView
            case .many(let pieces): for piece in pieces { passed += piece.readableBytesView }
            }
            failure = output.failure?.kind
        }

        func check(against bytes: ArraySlice<UInt8>, hideUsage: Bool, terminator: OpenAIByteStream.Terminator) {
            promise(Self.isSubsequence(passed, of: bytes), "bytes came out that did not go in")
            promise(hideUsage || bytes.starts(with: passed), "bytes are missing although nothing is to be hidden")
            promise(!isDone || Self.contains("[DONE]", bytes), "done without a terminator")
            promise(failure != nil || isDone || terminator == .doneOrFinishReason, "a cut stream passes for whole")
        }

        private static func isSubsequence(_ part: [UInt8], of whole: ArraySlice<UInt8>) -> Bool {
            var rest = part[...]
            for byte in whole where byte == rest.first { rest = rest.dropFirst() }
            return rest.isEmpty
        }

        private static func contains(_ word: String, _ bytes: ArraySlice<UInt8>) -> Bool {
            let word = Array(word.utf8)
            return bytes.indices.contains { bytes[$0...].starts(with: word) }
        }
    }
}
