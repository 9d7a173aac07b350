/// Tells the calls of a streamed answer apart.
///
/// OpenAI numbers them and says id and name once. Others leave out the number, give every call the same one, repeat the id
/// in every piece, send whole calls, or have no ids.
struct OpenAIToolCalls: Sendable {
    private struct Call: Sendable {
        /// The number the provider gives it.
        var number: Int?
        var id: String?
        var name = ""
        var isCustom = false
        /// Arguments that came before the name.
        var held = ""
        var shape = JSONShape()
    }

    /// Bytes of arguments that may come before their name.
    private static let maximumHeld = 64 << 10

    private var calls: [Call] = []

    var isEmpty: Bool { calls.isEmpty }

    /// - Throws: `Failure(.protocol)` when arguments came and no name.
    func check() throws(Failure) {
        guard calls.allSatisfy({ $0.held.isEmpty }) else { throw Failure(.protocol, detail: "call without a name") }
    }

    /// Takes one entry of `tool_calls`.
    ///
    /// - Parameter answer: The answer's id, to make one for a call that has none.
    /// - Throws: `Failure(.protocol)` for many arguments without a name.
    mutating func take(
        _ entry: JSONValue, answer: String, into events: inout [CanonicalEvent]
    ) throws(Failure) {
        let isCustom = entry["type"]?.string == "custom" || entry["custom"] != nil
        let inner = entry[isCustom ? "custom" : "function"]
        let name = inner?["name"]?.string ?? ""
        let value = inner?[isCustom ? "input" : "arguments"]
        let arguments = value?.string ?? value.flatMap { $0.object == nil ? nil : $0.text } ?? ""
        let id = entry["id"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        guard let place = place(number: entry["index"]?.int, id: id, name: name) else { return }
        if calls[place].id == nil { calls[place].id = id }
        calls[place].shape.take(arguments)
        if calls[place].name.isEmpty, !name.isEmpty {
            begin(place, name, arguments, isCustom: isCustom, answer: answer, into: &events)
        } else if calls[place].name.isEmpty {
            calls[place].held += arguments
            if calls[place].held.utf8.count > Self.maximumHeld { try check() }
        } else if !arguments.isEmpty {
            events.append(.toolCallDelta(index: place, id: nil, name: nil, arguments: arguments))
        }
        if let signature = OpenAIChatMessageDecoder.signature(entry["extra_content"]) {
            events.append(.toolCallSignature(index: place, signature))
        }
    }

    private mutating func begin(
        _ place: Int, _ name: String, _ arguments: String, isCustom: Bool, answer: String,
        into events: inout [CanonicalEvent]
    ) {
        calls[place].name = name
        calls[place].isCustom = isCustom
        let text = calls[place].held + arguments
        calls[place].held = ""
        let id = calls[place].id ?? Self.id(answer: answer, index: place)
        events.append(.toolCallDelta(index: place, id: id, name: name, arguments: text))
        if isCustom { events.append(.toolCallIsCustom(index: place)) }
    }

    /// Where the call of a piece stands; `nil` when there are more than an answer may have.
    private mutating func place(number: Int?, id: String?, name: String) -> Int? {
        let known: Int?
        if let number {
            known = calls.lastIndex { $0.number == number }
        } else if let id {
            known = calls.lastIndex { $0.id == id }
        } else {
            known = name.isEmpty ? calls.indices.last : nil
        }
        if let known, !isAnother(calls[known], id: id, name: name) { return known }
        guard calls.count < AnswerBuilder.maximumCalls else { return nil }
        calls.append(Call(number: number, id: id))
        return calls.count - 1
    }

    /// Whether a piece with the number of `call` begins another one.
    private func isAnother(_ call: Call, id: String?, name: String) -> Bool {
        guard !name.isEmpty, !call.name.isEmpty else { return false }
        if let id, let own = call.id { return id != own }
        return name != call.name || call.shape.isWhole
    }

    /// An id for the call that has none: the same for the same answer, and another for each.
    static func id(answer: String, index: Int) -> String {
        "call_" + NameRule(9...9, marks: "").standIn(for: "\(answer)/\(index)")
    }
}

/// Whether pieces of JSON text make a whole object or array.
struct JSONShape: Sendable {
    private var depth = 0
    private var isInString = false
    private var isEscaped = false
    /// The outermost bracket was closed.
    private(set) var isWhole = false

    mutating func take(_ text: String) {
        for byte in text.utf8 {
            if isEscaped {
                isEscaped = false
            } else if isInString {
                isEscaped = byte == UInt8(ascii: "\\")
                if byte == UInt8(ascii: "\"") { isInString = false }
            } else {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth &+= 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth &-= 1
                    if depth == 0 { isWhole = true }
                default: break
                }
            }
        }
    }
}
