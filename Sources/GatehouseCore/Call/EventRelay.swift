import NIOCore

/// Relays what an upstream sends on a surface that is passed through, and looks into it on the way.
protocol PassingRelay: Sendable {
    /// As far as the upstream has told it.
    var usage: Usage? { get }
    mutating func receive(_ bytes: ByteBuffer) -> AnswerOutput
    /// The transport ended as its framing says.
    mutating func end() -> AnswerOutput
}

/// Relays server-sent events of OpenAI's surfaces other than generation (pictures as they are painted, sound, transcripts)
/// byte for byte, in whole events, while it watches for the usage and the last one.
struct EventRelay: PassingRelay {
    private var parser = SSEParser()
    private(set) var usage: Usage?
    private var isWhole = false

    /// Takes bytes as they come.
    mutating func receive(_ bytes: ByteBuffer) -> AnswerOutput {
        var output = AnswerOutput()
        parser.append(bytes)
        var good = parser.cursor
        do throws(Failure) {
            while let frame = try parser.next() {
                good = frame.range.lowerBound
                try watch(frame)
                good = parser.cursor
            }
        } catch {
            output.failure = error
        }
        output.pieces.add(parser.take(upTo: good))
        return output
    }

    /// The transport ended as its framing says.
    mutating func end() -> AnswerOutput {
        var output = AnswerOutput()
        if let frame = parser.last() {
            do throws(Failure) { try watch(frame) } catch {
                output.failure = error.kind == .protocol ? Failure(.truncated, detail: "half an event") : error
                return output
            }
            output.pieces.add(parser.take(upTo: parser.cursor))
        }
        if isWhole {
            output.isDone = true
        } else {
            output.failure = Failure(.truncated, detail: "no last event")
        }
        return output
    }

    private mutating func watch(_ frame: SSEFrame) throws(Failure) {
        switch frame.payload {
        case .none: break
        case .line(let range): try look(at: parser.bytes(range))
        case .joined(let joined): try look(at: joined)
        }
    }

    private mutating func look(at data: ByteBuffer) throws(Failure) {
        guard !data.readableBytesView.elementsEqual("[DONE]".utf8) else {
            isWhole = true
            return
        }
        if try Self.isLast(data.readableBytesUInt8Span) { isWhole = true }
        usage = UsageReader.read(data)?.tokens ?? usage
    }

    /// - Throws: the failure of an error event, `.protocol` for what is no JSON object.
    private static func isLast(_ bytes: Span<UInt8>) throws(Failure) -> Bool {
        guard let chunk = try? OpenAIChunk(bytes), let type = try? type(bytes) else {
            throw Failure(.protocol, detail: "event is not a JSON object")
        }
        if chunk.error != nil || type == "error" { throw OpenAIFailure.classify(errorObject: bytes, in: bytes) }
        return type.hasSuffix(".done") || type.hasSuffix(".completed")
    }

    /// The event's `type`; empty when it has none. Only this member is read: pictures may be of any size.
    private static func type(_ bytes: Span<UInt8>) throws(JSONSyntaxError) -> String {
        var object = try JSONObjectReader(bytes, at: 0)
        while let key = try object.nextKey(bytes) {
            let value = try object.skipValue(bytes)
            guard JSONObjectReader.isKey(key, "type", bytes), value.kind == .string else { continue }
            var index = value.range.lowerBound
            return JSONScanner.string(bytes, try JSONScanner.skipString(bytes, &index))
        }
        return ""
    }
}
