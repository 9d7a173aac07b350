/// What the parts of one encoding share: the target's model, what was dropped, and names.
struct BedrockContext: Sendable {
    let model: BedrockModel
    var names = NameMap()
    var documents = BedrockDocumentNames()
    /// Names of functions called in the conversation, in order, each once.
    private(set) var called: [String] = []
    private(set) var dropped: [String] = []

    init(model: BedrockModel) { self.model = model }

    /// Notes that a field of the caller does not reach the target.
    mutating func drop(_ field: String) {
        if !dropped.contains(field) { dropped.append(field) }
    }

    mutating func drop(foreign extensions: Extensions) {
        for name in extensions.foreign(to: .bedrock) { drop(name) }
    }

    mutating func calls(_ name: String) {
        if !called.contains(name) { called.append(name) }
    }

    /// The block that stands for a marker, behind what it marks; `nil` where the model has no cache.
    mutating func cachePoint(_ marker: CacheMarker, onTool: Bool = false) -> JSONValue? {
        guard onTool ? model.takesCachePointsOnTools : model.takesCachePoints else {
            drop("cache_control")
            return nil
        }
        let isOwn = marker.extensions.dialects.contains(.bedrock)
        // Five minutes is the default, and not every model takes it in words.
        let ttl = marker.ttl.flatMap { $0 == "1h" || isOwn ? JSONValue.string($0) : nil }
        let point = JSONValue.object(["type": .string("default"), "ttl": ttl])
        return .object(["cachePoint": point.adding(marker.extensions.written(.bedrock))])
    }
}
