/// What a vendor sealed around one function call: callers whose dialect has no place for it leave it out of the history,
/// and the vendor then refuses the history or answers worse.
package struct Seal: Sendable, Equatable {
    package var callID: String
    /// The sealed thoughts that led to the call; with the first call of an answer only.
    package var thoughts: [Part]
    /// The seal on the call itself.
    package var signature: Signature?

    package init(callID: String, thoughts: [Part], signature: Signature?) {
        self.callID = callID
        self.thoughts = thoughts
        self.signature = signature
    }
}

/// Gathers the seals of one answer from its events. Texts and arguments are not kept.
struct SealCollector: Sendable {
    private var builder = AnswerBuilder()

    mutating func add(_ event: CanonicalEvent) {
        switch event {
        case .reasoningDelta, .signature, .partEnded, .toolCallSignature: builder.add(event)
        case .textDelta: builder.add(.partEnded)
        case .toolCallDelta(let index, let id, let name, _):
            builder.add(.toolCallDelta(index: index, id: id, name: name, arguments: ""))
        case .part(let part) where part.thinking != nil: builder.add(event)
        case .finished(let finish): builder.add(.finished(finish))
        default: break
        }
    }

    /// The seals, once the answer is whole.
    var seals: [Seal] { builder.response.map { Self.seals(of: $0) } ?? [] }

    static func seals(of response: CanonicalResponse) -> [Seal] {
        var thoughts: [Part] = []
        var seals: [Seal] = []
        for part in response.parts {
            if part.thinking != nil, part.signature != nil {
                thoughts.append(part)
            } else if let call = part.toolCall, !call.id.isEmpty {
                if !thoughts.isEmpty || part.signature != nil {
                    seals.append(Seal(callID: call.id, thoughts: thoughts, signature: part.signature))
                }
                thoughts = []
            }
        }
        return seals
    }
}

extension CanonicalRequest {
    /// Puts seals back where a caller's history has lost them: on assistant messages with calls and without any seal.
    ///
    /// - Parameter find: The seal of a call's id, as this owner was given it.
    package mutating func restoreSeals(_ find: (String) -> Seal?) {
        for index in messages.indices where messages[index].role == .assistant {
            guard messages[index].parts.contains(where: { $0.toolCall != nil }),
                !messages[index].parts.contains(where: { $0.signature != nil })
            else { continue }
            messages[index].parts = Self.restored(messages[index].parts, find)
        }
    }

    private static func restored(_ parts: [Part], _ find: (String) -> Seal?) -> [Part] {
        var result: [Part] = []
        for var part in parts {
            if let id = part.toolCall?.id, let seal = find(id) {
                if !seal.thoughts.isEmpty {
                    // What the caller shows of the same thoughts has no seal and would be there twice.
                    result.removeAll { $0.thinking != nil }
                    result += seal.thoughts
                }
                part.signature = seal.signature
            }
            result.append(part)
        }
        return result
    }
}
