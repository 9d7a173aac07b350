import GatehouseCore
import GatehouseTesting
import NIOCore

/// What every dialect must hold for every recording.
enum Laws {
    /// decode then encode a request in its own dialect is the same JSON value.
    static func requestRoundTrip(_ codec: any DialectCodec.Type, _ recording: Recording) -> Verdict {
        guard let body = recording.request else {
            let isKept = !recording.fidelity.hasPrefix("response-only")
            return .notUsable(isKept ? "the request has no JSON body" : "no request was kept")
        }
        do {
            let request = try codec.decodeRequest(body)
            let target = TargetTraits(kind: recording.provider, model: request.model)
            let encoded = try codec.encodeRequest(request, for: target)
            return Verdict(body.difference(from: encoded.body))
        } catch {
            return .fails("\(error)")
        }
    }

    /// decode then encode a whole answer in its own dialect is the same JSON value.
    static func responseRoundTrip(_ codec: any DialectCodec.Type, _ recording: Recording) -> Verdict {
        withAnswer(codec, recording) { response in
            let identity = AnswerIdentity(call: "none", model: "none", created: 0)
            guard let body = try? JSONValue(parsing: recording.response.readableBytesView) else { return "no JSON" }
            return body.difference(from: codec.encodeResponse(response, as: identity))
        }
    }

    /// A stream comes to its end, and says something: with its usage, where the vendor always tells it.
    static func streamIsAnswer(
        _ codec: any DialectCodec.Type, _ recording: Recording, tellsUsage: Bool = true
    ) -> Verdict {
        withAnswer(codec, recording) { answer in
            if tellsUsage, answer.finish.usage == nil { return "no usage" }
            return answer.parts.isEmpty && answer.finish.reason == .stop ? "says nothing" : nil
        }
    }

    /// Hands on the answer that was recorded. A recording that is none must be listed, and reading it must fail.
    static func withAnswer(
        _ codec: any DialectCodec.Type, _ recording: Recording, _ law: (CanonicalResponse) -> String?
    ) -> Verdict {
        guard recording.status == 200 else { return .notUsable("an error answer: status \(recording.status)") }
        switch (answer(codec, recording), NoAnswers.reasons[recording.id]) {
        case (.success(let answer), nil): return Verdict(law(answer))
        case (.failure, let reason?): return .notUsable(reason)
        case (.success, _?): return .fails("listed as no answer, and is one")
        case (.failure(let failure), nil): return .fails("\(failure)")
        }
    }

    private static func answer(
        _ codec: any DialectCodec.Type, _ recording: Recording
    ) -> Result<CanonicalResponse, Failure> {
        guard !recording.isStream else {
            let (events, failure) = events(codec, [recording.response])
            if let failure { return .failure(failure) }
            return answer(events).map { .success($0) } ?? .failure(Failure(.protocol, detail: "no answer"))
        }
        guard let body = try? JSONValue(parsing: recording.response.readableBytesView) else {
            return .failure(Failure(.protocol, detail: "no JSON"))
        }
        do {
            return .success(try codec.decodeResponse(body))
        } catch {
            return .failure(error)
        }
    }

    /// Any cut of a stream's bytes gives the same events, or the same failure.
    static func splits(
        _ codec: any DialectCodec.Type, _ recording: Recording, seed: UInt64, times: Int = 4
    ) -> Verdict {
        let whole = events(codec, [recording.response])
        var generator = SeededGenerator(seed: seed)
        for round in 0..<times {
            let pieces = round == 0 ? singleBytes(recording.response) : pieces(recording.response, &generator)
            let split = events(codec, pieces)
            if merged(split.events) != merged(whole.events) { return .fails("round \(round) gives other events") }
            if split.failure != whole.failure {
                return .fails("round \(round) fails otherwise: \(String(describing: split.failure))")
            }
        }
        return .holds
    }

    /// A buffer for each byte; only for the first of a long stream, and one for the rest.
    private static func singleBytes(_ bytes: ByteBuffer) -> [ByteBuffer] {
        var rest = bytes
        var pieces: [ByteBuffer] = []
        while pieces.count < 20_000, let byte = rest.readSlice(length: 1) { pieces.append(byte) }
        return rest.readableBytes > 0 ? pieces + [rest] : pieces
    }

    private static func pieces(_ bytes: ByteBuffer, _ generator: inout SeededGenerator) -> [ByteBuffer] {
        let cuts = generator.cuts(of: bytes.readableBytes)
        return zip(cuts, cuts.dropFirst()).compactMap { start, end in
            bytes.getSlice(at: bytes.readerIndex + start, length: end - start)
        }
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
