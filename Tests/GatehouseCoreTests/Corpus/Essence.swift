import GatehouseCore
import NIOCore

extension Laws {
    /// What must survive a translation: texts, refusals, calls with arguments as JSON values, thinking, citations, how the
    /// answer ended, and all counts.
    struct Essence: Equatable, CustomStringConvertible {
        var text = ""
        var refusal = ""
        var thinking = ""
        var calls: [String] = []
        var citations: [String] = []
        var reason: FinishReason
        var stopSequence: String?
        var counts: [Int]?

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
                citations += part.citations.map { "\($0.url ?? "")|\($0.title ?? "")|\($0.quote ?? "")" }
            }
            reason = response.finish.reason
            stopSequence = response.finish.stopSequence
            counts = response.finish.usage?.counts
        }

        var description: String {
            let texts = "\(text.prefix(80))|\(refusal)|\(thinking.prefix(80))|\(calls)|\(citations.prefix(3))"
            return "\(texts)|\(reason)|\(stopSequence ?? "")|\(counts.map(String.init(describing:)) ?? "")"
        }

        /// The members in which `other` differs, for a message.
        func difference(from other: Essence) -> String? {
            guard self != other else { return nil }
            let members = zip(Mirror(reflecting: self).children, Mirror(reflecting: other).children)
            return members.filter { "\($0.value)" != "\($1.value)" }.map { before, after in
                "\(before.label ?? ""): \("\(before.value)".prefix(200)) became \("\(after.value)".prefix(200))"
            }.joined(separator: "; ")
        }
    }

    /// An answer written in another dialect and read again has the same essence, whole and streamed.
    static func crossing(_ response: CanonicalResponse, _ other: any DialectCodec.Type) -> String? {
        let identity = AnswerIdentity(call: "call1", model: "m", created: 5)
        let before = Essence(response)
        do {
            let whole = try other.decodeResponse(other.encodeResponse(response, as: identity))
            if let problem = before.difference(from: Essence(whole)) { return "whole: \(problem)" }
        } catch {
            return "whole: \(error)"
        }
        var encoder = other.streamEncoder(as: identity, options: StreamOptions())
        var buffer = ByteBuffer()
        for event in response.events { encoder.encode(event, to: &buffer) }
        let (events, failure) = events(other, [buffer])
        guard let streamed = answer(events), failure == nil else { return "stream: \(String(describing: failure))" }
        return before.difference(from: Essence(streamed)).map { "stream: \($0)" }
    }
}
