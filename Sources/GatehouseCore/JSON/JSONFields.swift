/// Reads the members of an object that came from a caller, one by one, and remembers which were read.
///
/// `null` counts as absent. What nobody asked for, `null`s included, is left over in `rest`: a decoder puts it into its
/// dialect's extensions, so that nothing is lost. Each error names the member by its path (`messages[2].role`).
package struct JSONFields {
    private let members: [JSONValue.Member]
    private var taken: Set<String> = []
    /// Where the object lies; empty for the document itself.
    package let path: String

    /// - Throws: `invalid_value` when the value is not an object.
    package init(_ value: JSONValue, path: String = "") throws(GatehouseError) {
        guard case .object(let members) = value else {
            throw Self.invalid(path.isEmpty ? "body" : path, "must be an object")
        }
        self.members = members
        self.path = path
    }

    /// The members nobody asked for, in order.
    package var rest: [JSONValue.Member] { members.filter { !taken.contains($0.key) } }

    /// The path of a member.
    package func path(_ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }

    /// The path of an element of a member.
    package func path(_ key: String, _ index: Int) -> String { "\(path(key))[\(index)]" }

    /// Looks without taking.
    package func peek(_ key: String) -> JSONValue? { members.first { $0.key == key }?.value }

    /// Any value but `null`.
    package mutating func value(_ key: String) -> JSONValue? {
        guard let value = peek(key), !value.isNull else { return nil }
        taken.insert(key)
        return value
    }

    package mutating func string(_ key: String) throws(GatehouseError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.string else { throw invalid(key, "must be a string") }
        return text
    }

    package mutating func requiredString(_ key: String) throws(GatehouseError) -> String {
        guard let text = try string(key) else { throw missing(key) }
        return text
    }

    package mutating func bool(_ key: String) throws(GatehouseError) -> Bool? {
        guard let value = value(key) else { return nil }
        guard let flag = value.bool else { throw invalid(key, "must be true or false") }
        return flag
    }

    /// A whole number. One that is written with a fraction of zero or an exponent is left in `rest` untouched only when it
    /// is no whole number: then it is refused.
    package mutating func int(
        _ key: String, in bounds: ClosedRange<Int> = Int.min...Int.max
    ) throws(GatehouseError) -> Int? {
        guard let value = value(key) else { return nil }
        guard let number = value.int ?? value.double.flatMap({ Int(exactly: $0) }), bounds.contains(number) else {
            let range = bounds == Int.min...Int.max ? "" : " from \(bounds.lowerBound) to \(bounds.upperBound)"
            throw invalid(key, "must be a whole number\(range)")
        }
        return number
    }

    /// The text of a number, as written.
    package mutating func number(_ key: String) throws(GatehouseError) -> String? {
        guard let value = value(key) else { return nil }
        guard let text = value.numberText else { throw invalid(key, "must be a number") }
        return text
    }

    package mutating func array(_ key: String) throws(GatehouseError) -> [JSONValue]? {
        guard let value = value(key) else { return nil }
        guard let elements = value.array else { throw invalid(key, "must be an array") }
        return elements
    }

    /// A string, or an array of strings.
    package mutating func strings(_ key: String) throws(GatehouseError) -> [String]? {
        guard let value = value(key) else { return nil }
        if let text = value.string { return [text] }
        guard let elements = value.array else { throw invalid(key, "must be a string or an array of strings") }
        var texts: [String] = []
        for (index, element) in elements.enumerated() {
            guard let text = element.string else { throw Self.invalid(path(key, index), "must be a string") }
            texts.append(text)
        }
        return texts
    }

    /// The members of an object.
    package mutating func object(_ key: String) throws(GatehouseError) -> JSONFields? {
        guard let value = value(key) else { return nil }
        return try JSONFields(value, path: path(key))
    }

    package func missing(_ key: String) -> GatehouseError {
        GatehouseError(.missingField, "The field \(path(key)) is missing.", param: path(key))
    }

    /// - Parameter rule: what is right, as the end of a sentence that begins with the field: "must be a string".
    package func invalid(_ key: String, _ rule: String) -> GatehouseError { Self.invalid(path(key), rule) }

    package static func invalid(_ path: String, _ rule: String) -> GatehouseError {
        GatehouseError(.invalidValue, "The field \(path) \(rule).", param: path)
    }
}

extension JSONValue {
    /// An object of the members that have a value.
    package static func object(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        .object(members.compactMap { key, value in value.map { Member(key, $0) } })
    }

    package static func int(_ value: Int) -> JSONValue { .number(String(value)) }

    /// The object's members but those named; for what a decoder keeps of an answer besides what it understands.
    package func members(except keys: Set<String>) -> [Member] {
        (object ?? []).filter { !keys.contains($0.key) }
    }

    /// A whole number that is not negative: a count of tokens. `nil` for anything else.
    package var count: Int? {
        guard let number = int ?? double.flatMap({ Int(exactly: $0) }), number >= 0 else { return nil }
        return number
    }

    /// This object with further members behind its own; unchanged when it is no object. A member that exists stays.
    package func adding(_ members: [Member]) -> JSONValue {
        guard case .object(var own) = self, !members.isEmpty else { return self }
        // Either side may come from a caller, and be long.
        var names = Set(own.map(\.key))
        for member in members where names.insert(member.key).inserted { own.append(member) }
        return .object(own)
    }
}
