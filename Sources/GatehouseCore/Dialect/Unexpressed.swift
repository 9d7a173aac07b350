/// The names of what a target cannot express, each once, in the order they were met.
struct DroppedNames {
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

extension GatehouseError {
    /// A field that the target cannot express, and whose loss would change the meaning.
    static func unsupported(_ field: String, _ reason: String) -> GatehouseError {
        GatehouseError(
            .unsupportedParameter, "The field \(field) cannot be sent to this model's provider. \(reason)", param: field
        )
    }
}

extension Tool {
    /// A word for the kind of tool, for reports.
    var kindName: String {
        switch kind {
        case .function: "function"
        case .custom: "custom tool"
        case .server(_, let type, _): type
        }
    }
}
