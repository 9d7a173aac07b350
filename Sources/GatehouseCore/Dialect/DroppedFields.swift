/// Names of fields that a target does not see, each once, in the order they were found.
struct DroppedFields {
    private(set) var names: [String] = []

    mutating func add(_ name: String) {
        if !names.contains(name) { names.append(name) }
    }

    mutating func add(_ name: String, when isDropped: Bool) {
        if isDropped { add(name) }
    }

    /// Members that only other dialects know.
    mutating func add(_ extensions: Extensions, foreignTo target: Dialect) {
        guard !extensions.isEmpty else { return }
        for name in extensions.foreign(to: target) { add(name) }
    }
}
