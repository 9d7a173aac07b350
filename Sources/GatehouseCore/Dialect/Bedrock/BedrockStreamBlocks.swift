/// The content blocks of a stream that are open. Text and thinking need no start; each block has an index.
struct BedrockStreamBlocks: Sendable {
    private enum Kind {
        case unknown
        case text
        case thinking
        /// A function call of the caller's; the number of it among the calls.
        case call(Int)
        /// What Bedrock itself runs, what it answered, an image: gathered until it is whole.
        case gathered(key: String, start: JSONValue)
    }

    private struct Block {
        var kind: Kind
        var hasText = false
        var signature = ""
        /// Pieces of redacted thinking, of a tool's input, of an image.
        var pieces: [String] = []
        var values: [JSONValue] = []
    }

    /// Blocks open at once; in practice there is one.
    private static let maximumOpen = 256
    private var open: [Int: Block] = [:]
    private var calls = 0
    /// Bytes of what is gathered.
    private var gathered = 0
    /// The block that text and thinking belong to.
    private var current: Int?

    // MARK: Events

    mutating func start(_ body: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        let index = try index(body)
        let start = body["start"]?.object?.first
        if let key = start?.key, let value = start?.value {
            try close(index, &events)
            if key == "toolUse", value["type"]?.string != "server_tool_use" {
                leaveText(&events)
                guard calls < AnswerBuilder.maximumCalls else { throw Failure(.outputTooLarge, detail: "calls") }
                let id = value["toolUseId"]?.string
                let name = value["name"]?.string ?? ""
                events.append(.toolCallDelta(index: calls, id: id, name: name, arguments: ""))
                open[index] = Block(kind: .call(calls))
                calls += 1
            } else {
                leaveText(&events)
                open[index] = Block(kind: .gathered(key: key, start: value))
            }
        } else if open[index] == nil {
            open[index] = Block(kind: .unknown)
        }
    }

    mutating func delta(_ body: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        let index = try index(body)
        guard let delta = body["delta"]?.object?.first else { return }
        switch delta.key {
        case "text":
            guard let text = delta.value.string else { throw Failure(.protocol, detail: "a text delta without text") }
            try write(text, .text, index, &events) { .textDelta($0) }
        case "toolUse": try call(delta.value["input"]?.string ?? "", index, &events)
        case "reasoningContent": try reasoning(delta.value, index, &events)
        case "citation":
            try change(index, .text, &events) { _ in }
            events.append(.citation(BedrockCitation.read(delta.value)))
            open[index]?.hasText = true
        default: try gather(delta.value, index)
        }
    }

    mutating func stop(_ body: JSONValue, _ events: inout [CanonicalEvent]) throws(Failure) {
        try close(try index(body), &events)
    }

    mutating func stopAll(_ events: inout [CanonicalEvent]) throws(Failure) {
        for index in open.keys.sorted() { try close(index, &events) }
    }

    // MARK: Deltas

    private mutating func write(
        _ text: String, _ kind: Kind, _ index: Int, _ events: inout [CanonicalEvent],
        _ event: (String) -> CanonicalEvent
    ) throws(Failure) {
        guard !text.isEmpty else { return }
        try change(index, kind, &events) { $0.hasText = true }
        events.append(event(text))
    }

    /// Changes a block of text or thinking; opens it when it has no start, and ends the one before.
    private mutating func change(
        _ index: Int, _ kind: Kind, _ events: inout [CanonicalEvent], _ body: (inout Block) -> Void
    ) throws(Failure) {
        if current != index { leaveText(&events) }
        var block = open[index] ?? Block(kind: kind)
        switch (block.kind, kind) {
        case (.unknown, _): block.kind = kind
        case (.text, .text), (.thinking, .thinking): break
        default: throw Failure(.protocol, detail: "a delta does not fit its block")
        }
        body(&block)
        open[index] = block
        current = index
    }

    /// What follows in another block is another part.
    private mutating func leaveText(_ events: inout [CanonicalEvent]) {
        if let current, open[current]?.hasText == true {
            events.append(.partEnded)
            open[current]?.hasText = false
        }
        current = nil
    }

    private mutating func call(_ input: String, _ index: Int, _ events: inout [CanonicalEvent]) throws(Failure) {
        switch open[index]?.kind {
        case .call(let number):
            guard !input.isEmpty else { return }
            leaveText(&events)
            events.append(.toolCallDelta(index: number, id: nil, name: nil, arguments: input))
        case .gathered:
            try count(input)
            open[index]?.pieces.append(input)
        default: throw Failure(.protocol, detail: "input of a tool that was not named")
        }
    }

    private mutating func reasoning(
        _ value: JSONValue, _ index: Int, _ events: inout [CanonicalEvent]
    ) throws(Failure) {
        if let text = value["text"]?.string { try write(text, .thinking, index, &events) { .reasoningDelta($0) } }
        if let signature = value["signature"]?.string {
            try count(signature)
            try change(index, .thinking, &events) { $0.signature += signature }
        }
        if let redacted = value["redactedContent"]?.string {
            try count(redacted)
            try change(index, .thinking, &events) { $0.pieces.append(redacted) }
        }
    }

    private mutating func gather(_ value: JSONValue, _ index: Int) throws(Failure) {
        guard case .gathered = open[index]?.kind else { return }
        try count(value.text)
        open[index]?.values += value.array ?? [value]
    }

    private mutating func count(_ text: String) throws(Failure) {
        gathered = gathered.capped(adding: text.utf8.count)
        guard gathered <= EventStreamParser.maximumMessage else { throw Failure(.outputTooLarge) }
    }

    // MARK: Ends

    private mutating func close(_ index: Int, _ events: inout [CanonicalEvent]) throws(Failure) {
        guard let block = open.removeValue(forKey: index) else { return }
        if current == index { current = nil }
        switch block.kind {
        case .unknown: break
        case .text: if block.hasText { events.append(.partEnded) }
        case .call: events.append(.partEnded)
        case .thinking: events += thinking(block)
        case .gathered(let key, let start): events.append(.part(try whole(key, start, block)))
        }
    }

    private func thinking(_ block: Block) -> [CanonicalEvent] {
        if !block.pieces.isEmpty {
            let texts = block.pieces.map { BedrockSignature.redacted($0) }
            // Pieces of one blob are one text again, unless they are no text.
            let isText = texts.allSatisfy { $0.dialect == .anthropic }
            let seal = texts.count == 1 || isText ? texts.map(\.value).joined() : block.pieces.joined()
            let signature = Signature(isText ? .anthropic : .bedrock, seal)
            return [.part(Part(.thinking(Thinking("", isRedacted: true)), signature: signature))]
        }
        guard !block.signature.isEmpty else { return block.hasText ? [.partEnded] : [] }
        let signature = BedrockSignature.read(block.signature)
        // A seal on nothing that is shown: alone it would seal a text.
        if !block.hasText { return [.part(Part(.thinking(Thinking("")), signature: signature))] }
        return [.signature(signature)]
    }

    /// The block as it stands in a whole answer.
    private func whole(_ key: String, _ start: JSONValue, _ block: Block) throws(Failure) -> Part {
        let value: JSONValue
        switch key {
        case "toolUse":
            let text = block.pieces.joined()
            let input = text.isEmpty ? JSONValue.object([]) : (try? JSONValue(parsing: text.utf8)) ?? .string(text)
            value = start.adding([.init("input", input)])
        case "toolResult": value = start.adding([.init("content", .array(block.values))])
        case "image":
            let bytes = block.values.compactMap { $0["source"]?["bytes"]?.string }.joined()
            value = start.adding([.init("source", .object(["bytes": .string(bytes)]))])
        default: value = start.adding([.init("deltas", .array(block.values))])
        }
        return try BedrockResponseCodec.part(.object([.init(key, value)]))
    }

    private func index(_ body: JSONValue) throws(Failure) -> Int {
        guard let index = body["contentBlockIndex"]?.count else {
            throw Failure(.protocol, detail: "an event of a block without contentBlockIndex")
        }
        guard open.count < Self.maximumOpen || open[index] != nil else { throw Failure(.outputTooLarge) }
        return index
    }
}
