/// What a call needs of a model besides text, and what a target has.
package struct Features: OptionSet, Sendable, Hashable {
    package let rawValue: UInt16

    package init(rawValue: UInt16) {
        self.rawValue = rawValue
    }

    package static let tools = Features(rawValue: 1)
    package static let vision = Features(rawValue: 2)
    package static let audio = Features(rawValue: 4)
    package static let video = Features(rawValue: 8)
    package static let documents = Features(rawValue: 16)
    package static let jsonSchema = Features(rawValue: 32)
    package static let reasoning = Features(rawValue: 64)
    package static let logprobs = Features(rawValue: 128)

    package static let all: Features = [
        .tools, .vision, .audio, .video, .documents, .jsonSchema, .reasoning, .logprobs,
    ]

    /// The words of the configuration, in a fixed order.
    private static let words: [(word: String, feature: Features)] = [
        ("tools", .tools), ("vision", .vision), ("audio", .audio), ("video", .video), ("documents", .documents),
        ("jsonSchema", .jsonSchema), ("reasoning", .reasoning), ("logprobs", .logprobs),
    ]

    package static var names: [String] { words.map(\.word) }

    /// - Parameter name: One of `names`; `nil` for another.
    package init?(named name: String) {
        guard let found = Self.words.first(where: { $0.word == name }) else { return nil }
        self = found.feature
    }

    package var names: [String] { Self.words.filter { contains($0.feature) }.map(\.word) }
}

extension Features {
    /// What this request needs of whoever answers it.
    package init(neededBy request: CanonicalRequest) {
        self = []
        if !request.tools.isEmpty { insert(.tools) }
        if case .jsonSchema = request.responseFormat { insert(.jsonSchema) }
        if request.reasoning?.thinks == true { insert(.reasoning) }
        if request.sampling.logprobs == true { insert(.logprobs) }
        for message in request.messages {
            for part in message.parts { insert(part) }
        }
    }

    private mutating func insert(_ part: Part) {
        switch part.content {
        case .image: insert(.vision)
        case .audio: insert(.audio)
        case .video: insert(.video)
        case .document: insert(.documents)
        case .toolResult(let result):
            // A result holds parts but no results.
            for inner in result.content where inner.toolResult == nil { insert(inner) }
        case .text, .refusal, .thinking, .toolCall, .native: break
        }
    }
}
