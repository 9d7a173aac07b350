extension Extensions {
    private static let idle = "$idle"

    /// What a decoder found no use for. Members that say nothing (`null`, `[]`) are kept as a note: their own dialect
    /// gets them back, and to others nothing is lost with them.
    package init(rest: [JSONValue.Member], of dialect: Dialect) {
        self.init()
        let idle = rest.filter { $0.value.isNull || $0.value == .array([]) }
        self[dialect] = rest.filter { !idle.contains($0) }
        if !idle.isEmpty { self[dialect, Self.idle] = .object(idle) }
    }

    /// The members to write out in `dialect`, those that say nothing included.
    package func everyMember(_ dialect: Dialect) -> [JSONValue.Member] {
        written(dialect) + (self[dialect, Self.idle]?.object ?? [])
    }
}

extension JSONFields {
    /// An array with at least one element; an empty one is left over.
    package mutating func filledArray(_ key: String) throws(GatehouseError) -> [JSONValue]? {
        peek(key) == .array([]) ? nil : try array(key)
    }

    /// A string, or an array of at least one string; an empty array is left over.
    package mutating func filledStrings(_ key: String) throws(GatehouseError) -> [String]? {
        peek(key) == .array([]) ? nil : try strings(key)
    }
}
