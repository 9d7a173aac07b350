import GatehouseCore
import GatehouseTesting
import NIOCore

/// What every dialect must hold for every recording. Each gives `nil`, or in what it fails.
enum Laws {
    /// decode then encode a request in its own dialect is the same JSON value.
    static func requestRoundTrip(_ codec: any DialectCodec.Type, _ recording: Recording) -> String? {
        guard let body = recording.request else { return nil }
        do {
            let request = try codec.decodeRequest(body)
            let target = TargetTraits(kind: recording.provider, model: request.model)
            let encoded = try codec.encodeRequest(request, for: target)
            return body.difference(from: encoded.body)
        } catch {
            return "\(error)"
        }
    }

    /// decode then encode a whole answer in its own dialect is the same JSON value.
    static func responseRoundTrip(_ codec: any DialectCodec.Type, _ recording: Recording) -> String? {
        guard !recording.isStream, recording.status == 200 else { return nil }
        do {
            let body = try JSONValue(parsing: recording.response.readableBytesView)
            let response = try codec.decodeResponse(body)
            let identity = AnswerIdentity(call: "none", model: "none", created: 0)
            return body.difference(from: codec.encodeResponse(response, as: identity))
        } catch {
            return "\(error)"
        }
    }

    /// Any cut of a stream's bytes gives the same events.
    static func splits(_ codec: any DialectCodec.Type, _ recording: Recording, seed: UInt64, times: Int = 8) -> String?
    {
        let whole = events(codec, [recording.response])
        var generator = SeededGenerator(seed: seed)
        for round in 0..<times {
            let pieces: [ByteBuffer]
            if round == 0 {
                pieces =
                    recording.response.readableBytesView.prefix(20_000).map { ByteBuffer(bytes: [$0]) }
                    + [
                        recording.response.getSlice(
                            at: recording.response.readerIndex + min(20_000, recording.response.readableBytes),
                            length: max(0, recording.response.readableBytes - 20_000)) ?? ByteBuffer()
                    ]
            } else {
                let cuts = generator.cuts(of: recording.response.readableBytes)
                pieces = zip(cuts, cuts.dropFirst()).compactMap { start, end in
                    recording.response.getSlice(at: recording.response.readerIndex + start, length: end - start)
                }
            }
            let split = events(codec, pieces)
            if merged(split.events) != merged(whole.events) { return "round \(round) gives other events" }
            if split.failure != whole.failure {
                return "round \(round) fails otherwise: \(String(describing: split.failure))"
            }
        }
        return nil
    }

    /// The events of a stream, and how it failed.
    static func events(
        _ codec: any DialectCodec.Type, _ pieces: [ByteBuffer]
    ) -> (events: [CanonicalEvent], failure: Failure?) {
        var decoder = codec.streamDecoder()
        var events: [CanonicalEvent] = []
        do {
            for piece in pieces { try decoder.receive(piece, into: &events) }
            try decoder.end(into: &events)
            return (events, nil)
        } catch {
            return (events, error)
        }
    }

    /// The answer that a stream's events build.
    static func answer(_ events: [CanonicalEvent]) -> CanonicalResponse? {
        var builder = AnswerBuilder()
        for event in events { builder.add(event) }
        return builder.response
    }

    /// Deltas of one kind that follow each other as one.
    static func merged(_ events: [CanonicalEvent]) -> [CanonicalEvent] {
        var merged: [CanonicalEvent] = []
        for event in events {
            switch (merged.last, event) {
            case (.textDelta(let left), .textDelta(let right)): merged[merged.count - 1] = .textDelta(left + right)
            case (.reasoningDelta(let left), .reasoningDelta(let right)):
                merged[merged.count - 1] = .reasoningDelta(left + right)
            default: merged.append(event)
            }
        }
        return merged
    }

    /// What must survive a translation: text, calls with arguments as JSON values, thinking, how it ended, the counts.
    struct Essence: Equatable, CustomStringConvertible {
        var text = ""
        var refusal = ""
        var thinking = ""
        var calls: [String] = []
        var reason = ""
        var counts: [Int] = []

        init(_ response: CanonicalResponse) {
            for part in response.parts {
                switch part.content {
                case .text(let text): self.text += text
                case .refusal(let text): refusal += text
                case .thinking(let thinking): self.thinking += thinking.text
                case .toolCall(let call):
                    let arguments = (try? JSONValue(parsing: call.arguments.utf8))?.sorted.text ?? call.arguments
                    calls.append("\(call.name)(\(arguments))")
                default: break
                }
            }
            // Some dialects have one word for both.
            reason = (response.finish.reason == .refusal ? .contentFilter : response.finish.reason).rawValue
            counts = [response.finish.usage?.input ?? -1, response.finish.usage?.output ?? -1]
        }

        var description: String { "\(text.prefix(80))|\(refusal)|\(thinking.prefix(80))|\(calls)|\(reason)|\(counts)" }
    }

    /// An answer written in another dialect and read again has the same essence, whole and streamed.
    static func crossing(_ response: CanonicalResponse, _ other: any DialectCodec.Type) -> String? {
        let identity = AnswerIdentity(call: "call1", model: "m", created: 5)
        do {
            let whole = try other.decodeResponse(other.encodeResponse(response, as: identity))
            let (before, after) = (Essence(response), Essence(whole))
            if before != after { return "whole: \(before) became \(after)" }
        } catch {
            return "whole: \(error)"
        }
        var encoder = other.streamEncoder(as: identity, options: StreamOptions())
        var buffer = ByteBuffer()
        for event in response.events { encoder.encode(event, to: &buffer) }
        let (events, failure) = events(other, [buffer])
        guard let streamed = answer(events), failure == nil else { return "stream: \(String(describing: failure))" }
        let (before, after) = (Essence(response), Essence(streamed))
        return before == after ? nil : "stream: \(before) became \(after)"
    }
}

extension JSONValue {
    /// With all members in the order of their names.
    var sorted: JSONValue {
        switch self {
        case .object(let members):
            .object(members.sorted { $0.key < $1.key }.map { Member($0.key, $0.value.sorted) })
        case .array(let elements): .array(elements.map(\.sorted))
        default: self
        }
    }
}
