/// A whole answer in no vendor's dialect.
package struct CanonicalResponse: Sendable, Equatable {
    package var start: AnswerStart
    package var parts: [Part]
    package var finish: Finish
    package var extensions = Extensions()

    package init(start: AnswerStart = AnswerStart(), parts: [Part], finish: Finish) {
        self.start = start
        self.parts = parts
        self.finish = finish
    }
}

extension CanonicalResponse {
    /// The answer as the events that build it.
    package var events: [CanonicalEvent] {
        var events: [CanonicalEvent] = [.started(start)]
        var calls = 0
        for part in parts {
            switch part.content {
            case .text(let text):
                if !text.isEmpty { events.append(.textDelta(text)) }
                events += part.citations.map { .citation($0) }
                events.append(part.signature.map { .signature($0) } ?? .partEnded)
            case .refusal(let text):
                events += [.refusalDelta(text), .partEnded]
            case .thinking(let thinking)
            where !thinking.isRedacted && thinking.id == nil && !thinking.text.isEmpty && part.extensions.isEmpty:
                events.append(.reasoningDelta(thinking.text))
                events.append(part.signature.map { .signature($0) } ?? .partEnded)
            case .toolCall(let call):
                events.append(.toolCallDelta(index: calls, id: call.id, name: call.name, arguments: call.arguments))
                if call.isCustom { events.append(.toolCallIsCustom(index: calls)) }
                if let signature = part.signature { events.append(.toolCallSignature(index: calls, signature)) }
                events.append(.partEnded)
                calls += 1
            default: events.append(.part(part))
            }
        }
        events.append(.finished(finish))
        return events
    }
}

/// Builds a whole answer from its events.
package struct AnswerBuilder: Sendable {
    /// Function calls in one answer; more are not taken.
    package static let maximumCalls = 256

    /// Bytes of text gathered; whoever feeds it bounds it.
    package private(set) var size = 0
    package private(set) var finish: Finish?
    private var start = AnswerStart()
    private var parts: [Part] = []
    /// The last part still takes deltas of its kind.
    private var isOpen = false
    /// Where the calls stand among the parts.
    private var calls: [Int: Int] = [:]
    private var usage: Usage?

    package init() {}

    package mutating func add(_ event: CanonicalEvent) {
        switch event {
        case .started(let start):
            self.start = start
            usage = start.usage ?? usage
        case .textDelta(let delta): extendText(delta)
        case .reasoningDelta(let delta): extendThinking(delta)
        case .refusalDelta(let delta): extendRefusal(delta)
        case .signature(let signature): seal(signature)
        case .citation(let citation):
            if !isOpen || parts.last?.text == nil { open(Part(.text(""))) }
            parts[parts.count - 1].citations.append(citation)
        case .toolCallDelta(let index, let id, let name, let arguments): extend(index, id, name, arguments)
        case .toolCallSignature(let index, let signature):
            if let place = calls[index] { parts[place].signature = signature }
        case .toolCallIsCustom(let index):
            change(index) { $0.isCustom = true }
        case .partEnded: isOpen = false
        case .part(let part):
            isOpen = false
            parts.append(part)
        case .usage(let usage): self.usage = usage
        case .finished(let finish):
            self.finish = finish
            if self.finish?.usage == nil { self.finish?.usage = usage }
        case .toolStarted, .toolFinished, .file, .notice, .limit: break
        }
    }

    /// The answer, once `finished` came; `nil` before.
    package var response: CanonicalResponse? {
        guard let finish else { return nil }
        var parts = parts
        for place in calls.values {
            guard case .toolCall(var call) = parts[place].content, call.arguments.isEmpty, !call.isCustom else {
                continue
            }
            call.arguments = "{}"
            parts[place].content = .toolCall(call)
        }
        return CanonicalResponse(start: start, parts: parts, finish: finish)
    }

    private mutating func open(_ part: Part) {
        parts.append(part)
        isOpen = true
    }

    // The last part is changed in place: taking its text out, and putting it back, keeps appending linear.

    private mutating func extendText(_ delta: String) {
        size = size.capped(adding: delta.utf8.count)
        guard isOpen, let last = parts.indices.last, case .text(var text) = parts[last].content else {
            return open(.text(delta))
        }
        parts[last].content = .text("")
        text += delta
        parts[last].content = .text(text)
    }

    private mutating func extendRefusal(_ delta: String) {
        size = size.capped(adding: delta.utf8.count)
        guard isOpen, let last = parts.indices.last, case .refusal(var text) = parts[last].content else {
            return open(Part(.refusal(delta)))
        }
        parts[last].content = .text("")
        text += delta
        parts[last].content = .refusal(text)
    }

    private mutating func extendThinking(_ delta: String) {
        size = size.capped(adding: delta.utf8.count)
        guard isOpen, let last = parts.indices.last, case .thinking(var thinking) = parts[last].content else {
            return open(Part(.thinking(Thinking(delta))))
        }
        parts[last].content = .text("")
        thinking.text += delta
        parts[last].content = .thinking(thinking)
    }

    private mutating func seal(_ signature: Signature) {
        if !isOpen { open(Part(.text(""))) }
        parts[parts.count - 1].signature = signature
        isOpen = false
    }

    private mutating func extend(_ index: Int, _ id: String?, _ name: String?, _ arguments: String) {
        size = size.capped(adding: arguments.utf8.count)
        if calls[index] == nil {
            guard calls.count < Self.maximumCalls else { return }
            parts.append(Part(.toolCall(ToolCall(id: "", name: "", arguments: ""))))
            calls[index] = parts.count - 1
        }
        isOpen = false
        change(index) { call in
            if let id, !id.isEmpty { call.id = id }
            if let name { call.name += name }
            call.arguments += arguments
        }
    }

    private mutating func change(_ index: Int, _ body: (inout ToolCall) -> Void) {
        guard let place = calls[index], case .toolCall(var call) = parts[place].content else { return }
        parts[place].content = .text("")
        body(&call)
        parts[place].content = .toolCall(call)
    }
}
