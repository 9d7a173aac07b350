package import NIOCore

/// Bytes to pass on, without an allocation for the usual one piece.
package enum Pieces: Sendable, Equatable {
    case none
    case one(ByteBuffer)
    case many([ByteBuffer])

    package mutating func add(_ piece: ByteBuffer) {
        guard piece.readableBytes > 0 else { return }
        switch self {
        case .none: self = .one(piece)
        case .one(let first): self = .many([first, piece])
        case .many(var pieces):
            self = .none
            pieces.append(piece)
            self = .many(pieces)
        }
    }

    package var isEmpty: Bool { self == .none }

    /// The bytes of all pieces together.
    package var count: Int {
        switch self {
        case .none: 0
        case .one(let piece): piece.readableBytes
        case .many(let pieces): pieces.reduce(0) { $0 + $1.readableBytes }
        }
    }

    /// Adds all pieces of `others`.
    package mutating func add(contentsOf others: Pieces) {
        switch others {
        case .none: break
        case .one(let piece): add(piece)
        case .many(let pieces): for piece in pieces { add(piece) }
        }
    }
}

/// Relays a stream of the OpenAI family byte for byte, while watching it.
///
/// Only whole events are passed on, each checked to be what the protocol says. An event that only tells the usage, or the
/// empty `usage` of others, is cut out when the caller did not ask for it. The stream is complete when its own terminator
/// came; nothing is ever made up.
package struct OpenAIByteStream: Sendable {
    /// How a provider says that a stream is whole.
    package enum Terminator: Sendable, Equatable {
        /// `data: [DONE]`, as OpenAI does.
        case done
        /// `[DONE]`, or else an end of the transport after every choice told why it finished.
        case doneOrFinishReason
    }

    /// What came of some bytes: what to pass on, and whether the stream broke behind it.
    package struct Output: Sendable, Equatable {
        package var pieces = Pieces.none
        package var failure: Failure?
    }

    package private(set) var usage: Usage?
    /// The terminator came.
    package private(set) var isDone = false
    /// An event with a payload was seen.
    package private(set) var hasEvents = false
    /// An event was seen that says more than who speaks.
    package private(set) var hasContent = false

    private let hideUsage: Bool
    private let terminator: Terminator
    private var parser: SSEParser
    private var finishReasons = 0
    private var choices = 0
    /// What was cut before the first content.
    private var held = Pieces.none
    /// What comes before the first event with content is held, so that an error in its place can still have a status of
    /// its own.
    private static let maximumHeld = 64 << 10

    package init(hideUsage: Bool, terminator: Terminator = .done, maximumFrame: Int = SSEParser.defaultMaximumFrame) {
        self.hideUsage = hideUsage
        self.terminator = terminator
        parser = SSEParser(maximumFrame: maximumFrame)
    }

    /// Takes bytes as they come.
    package mutating func receive(_ bytes: ByteBuffer) -> Output {
        guard !isDone else { return Output() }
        parser.append(bytes)
        var output = Output()
        var good = parser.cursor
        do throws(Failure) {
            while !isDone, let frame = try parser.next() {
                good = frame.range.lowerBound
                try relay(frame, &output.pieces)
                good = parser.cursor
            }
        } catch {
            // What came before is whole, and was meant for the caller.
            if hasContent { output.pieces.add(parser.take(upTo: good)) }
            output.pieces = release(output.pieces)
            output.failure = error
            return output
        }
        if hasContent || parser.cursor > Self.maximumHeld { output.pieces.add(parser.take(upTo: parser.cursor)) }
        output.pieces = release(output.pieces)
        return output
    }

    /// What may go on now: nothing before the first content, within bounds.
    private mutating func release(_ pieces: Pieces) -> Pieces {
        if hasContent, held.isEmpty { return pieces }
        held.add(contentsOf: pieces)
        guard hasContent || held.count > Self.maximumHeld else { return .none }
        defer { held = .none }
        return held
    }

    /// The transport ended as its framing says. A failure unless the stream was whole.
    package mutating func end() -> Output {
        var output = Output()
        if hasContent { output.pieces.add(parser.take(upTo: parser.cursor)) }
        let isCut = parser.unfinishedBytes > 0
        if !isDone, let frame = parser.last(), isTerminator(frame) {
            isDone = true
            output.pieces.add(parser.take(upTo: frame.range.upperBound))
        }
        let finished = terminator == .doneOrFinishReason && choices > 0 && finishReasons >= choices
        if !isDone, isCut || !finished {
            output.failure = hasEvents ? Failure(.truncated, detail: "no terminator") : Failure(.empty)
        }
        return output
    }

    private func isTerminator(_ frame: SSEFrame) -> Bool {
        guard case .line(let range) = frame.payload else { return false }
        return parser.withBytes(range) { Self.isDone($0) }
    }

    private mutating func relay(_ frame: SSEFrame, _ pieces: inout Pieces) throws(Failure) {
        switch frame.payload {
        case .none: break
        case .joined(let data):
            try take(Self.look(at: data.readableBytesUInt8Span, isWaiting: !hasContent), frame, base: nil, &pieces)
        case .line(let range):
            let isWaiting = !hasContent
            let sight = try parser.withBytes(range) { (span) throws(Failure) in
                try Self.look(at: span, isWaiting: isWaiting)
            }
            try take(sight, frame, base: range.lowerBound, &pieces)
        }
    }

    /// What the payload of an event says.
    private enum Sight {
        case done
        case chunk(OpenAIChunk, saysMore: Bool)
    }

    /// - Parameter isWaiting: Nothing was said yet, so that it matters whether this event says something.
    private static func look(at data: Span<UInt8>, isWaiting: Bool) throws(Failure) -> Sight {
        if isDone(data) { return .done }
        let chunk = try chunk(data)
        if chunk.error != nil { throw OpenAIFailure.classify(errorObject: data, in: data) }
        return .chunk(chunk, saysMore: !isWaiting || saysMore(data, chunk))
    }

    /// Whether a chunk holds more than the role and empty texts.
    private static func saysMore(_ data: Span<UInt8>, _ chunk: OpenAIChunk) -> Bool {
        guard chunk.finished == 0, let choices = chunk.choices else { return chunk.finished > 0 }
        let value = data.withUnsafeBufferPointer { try? JSONValue(parsing: $0, limits: .lenient) }
        guard choices > 0, let value else { return false }
        return (value["choices"]?.array ?? []).contains { choice in
            guard let delta = choice["delta"]?.object else { return choice["text"]?.string?.isEmpty == false }
            return delta.contains { member in
                switch member.value {
                case .null, .string(""), .array([]): false
                default: member.key != "role"
                }
            }
        }
    }

    private mutating func take(
        _ sight: Sight, _ frame: SSEFrame, base: Int?, _ pieces: inout Pieces
    ) throws(Failure) {
        guard case .chunk(let chunk, let says) = sight else {
            isDone = true
            guard hasContent else { throw Failure(.empty, detail: "terminator without an event") }
            return
        }
        if let usage = chunk.usage { self.usage = usage }
        hasEvents = true
        if says { hasContent = true }
        choices = max(choices, chunk.choices ?? 0)
        finishReasons += chunk.finished
        guard hideUsage, let member = chunk.usageMember else { return }
        if chunk.usage != nil {
            // Only the event that exists for the usage alone is ours to hide.
            if chunk.choices == 0 { cut(frame.range, &pieces) }
        } else if let base {
            cut(base + member.lowerBound..<base + member.upperBound, &pieces)
        }
    }

    /// Passes on what comes before `range` (from the first untaken byte) and drops the range itself.
    private mutating func cut(_ range: Range<Int>, _ pieces: inout Pieces) {
        pieces.add(parser.take(upTo: range.lowerBound))
        _ = parser.take(upTo: range.count)
    }

    private static func isDone(_ data: Span<UInt8>) -> Bool {
        let word: StaticString = "[DONE]"
        guard data.count >= 6, data.count <= 8 else { return false }
        for offset in 0..<6 where data[offset] != word.utf8Start[offset] { return false }
        for offset in 6..<data.count where data[offset] != 0x20 { return false }
        return true
    }

    private static func chunk(_ data: Span<UInt8>) throws(Failure) -> OpenAIChunk {
        do {
            return try OpenAIChunk(data)
        } catch {
            throw Failure(.protocol, detail: "event is not a JSON object: \(error.kind) at \(error.offset)")
        }
    }
}
