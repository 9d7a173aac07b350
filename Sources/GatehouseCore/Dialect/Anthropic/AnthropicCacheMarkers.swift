/// Keeps a body within the four cache markers that Anthropic takes.
///
/// The cached prefix runs from the tools over `system` to the messages, and a later marker covers all before it. So the
/// last marker of the tools and the last of `system` stay (both are the same in every request of a conversation), and
/// the others go to the newest messages.
struct AnthropicCacheMarkers {
    static let maximum = 4

    private var seen = 0
    private var kept: Set<Int> = []

    /// `false` when markers had to go.
    static func limit(tools: inout [JSONValue], system: inout [JSONValue], messages: inout [JSONValue], others: Int)
        -> Bool
    {
        let counts = [tools, system, messages].map { list in list.reduce(0) { $0 + count($1) } }
        guard counts.reduce(others, +) > maximum else { return true }
        var room = max(0, maximum - others)
        var markers = AnthropicCacheMarkers()
        var end = 0
        for count in counts.prefix(2) {
            end += count
            if count > 0, room > 0 {
                markers.kept.insert(end - 1)
                room -= 1
            }
        }
        end += counts[2]
        markers.kept.formUnion(max(end - counts[2], end - room)..<end)
        tools = tools.map { markers.limited($0) }
        system = system.map { markers.limited($0) }
        messages = messages.map { markers.limited($0) }
        return false
    }

    /// Markers of a tool, of a block, of the blocks inside it.
    private static func count(_ value: JSONValue) -> Int {
        let inner = value["content"]?.array?.reduce(0) { $0 + count($1) } ?? 0
        return inner + (value["cache_control"]?.object == nil ? 0 : 1)
    }

    private mutating func limited(_ value: JSONValue) -> JSONValue {
        guard case .object(var members) = value, Self.count(value) > 0 else { return value }
        if let index = members.firstIndex(where: { $0.key == "content" }), let inner = members[index].value.array {
            members[index].value = .array(inner.map { limited($0) })
        }
        if let index = members.firstIndex(where: { $0.key == "cache_control" && $0.value.object != nil }) {
            if !kept.contains(seen) { members.remove(at: index) }
            seen += 1
        }
        return .object(members)
    }
}
