/// Calls whose pieces are being gathered, in the order in which they began.
struct GeminiPendingCalls: Sendable {
    /// Bytes of arguments kept at a time; what comes beyond is lost, and its call is broken.
    private static let maximumSize = 16 << 20

    private struct Pending {
        var index: Int
        var call: ToolCall
        var signature: String?
        /// Its arguments were looked at, and nothing came since.
        var isKnownOpen = false
    }

    private var pending: [Pending] = []
    /// Calls that were given already: what comes of them later is nothing.
    private var given: Set<Int> = []
    private var size = 0

    init() {}

    mutating func add(_ index: Int, id: String?, name: String?, arguments: String) {
        let place: Int
        if let known = pending.firstIndex(where: { $0.index == index }) {
            place = known
        } else {
            guard !given.contains(index), pending.count + given.count < AnswerBuilder.maximumCalls else { return }
            pending.append(Pending(index: index, call: ToolCall(id: "", name: "", arguments: "")))
            place = pending.count - 1
        }
        if let id, !id.isEmpty { pending[place].call.id = id }
        if let name { pending[place].call.name += name }
        guard size.capped(adding: arguments.utf8.count) <= Self.maximumSize else { return }
        size += arguments.utf8.count
        pending[place].call.arguments += arguments
        pending[place].isKnownOpen = false
    }

    mutating func setCustom(_ index: Int) { change(index) { $0.call.isCustom = true } }

    mutating func setSignature(_ index: Int, _ signature: String) { change(index) { $0.signature = signature } }

    /// The next call that is whole, as a part. Pieces of several may come interleaved, so what is not an object yet may
    /// still become one; when a call stands alone, what follows it ends it.
    mutating func takeWhole() -> JSONValue? {
        guard let first = pending.first, !first.isKnownOpen else { return nil }
        let isLoose = first.call.isCustom || first.call.arguments.isEmpty
        let isWhole = isLoose ? pending.count == 1 : GeminiPartWriter.object(first.call.arguments) != nil
        guard isWhole else {
            pending[0].isKnownOpen = !isLoose
            return nil
        }
        pending.removeFirst()
        given.insert(first.index)
        size -= first.call.arguments.utf8.count
        return Self.part(first, GeminiPartWriter.arguments(of: first.call))
    }

    /// All that are left, and whether one of them had to be left out.
    mutating func takeRest() -> (calls: [JSONValue], isBroken: Bool) {
        var calls: [JSONValue] = []
        var isBroken = false
        for call in pending {
            let text = call.call.arguments
            if call.call.isCustom || text.isEmpty || GeminiPartWriter.object(text) != nil {
                calls.append(Self.part(call, GeminiPartWriter.arguments(of: call.call)))
            } else {
                isBroken = true
            }
        }
        pending = []
        size = 0
        return (calls, isBroken)
    }

    private mutating func change(_ index: Int, _ body: (inout Pending) -> Void) {
        guard let place = pending.firstIndex(where: { $0.index == index }) else { return }
        body(&pending[place])
    }

    private static func part(_ call: Pending, _ arguments: JSONValue) -> JSONValue {
        .object([
            "functionCall": .object([
                "id": call.call.id.isEmpty ? nil : .string(call.call.id), "name": .string(call.call.name),
                "args": arguments,
            ]),
            "thoughtSignature": call.signature.map { .string($0) },
        ])
    }
}
