import GatehouseCore

extension JSONValue {
    /// Whether both say the same: members in any order, numbers by value. Gives the path of the first difference, or `nil`.
    func difference(from other: JSONValue, at path: String = "$") -> String? {
        switch (self, other) {
        case (.object(let left), .object(let right)):
            for member in left {
                guard let value = right.first(where: { $0.key == member.key })?.value else {
                    return "\(path).\(member.key) is missing"
                }
                if let found = member.value.difference(from: value, at: "\(path).\(member.key)") { return found }
            }
            for member in right where !left.contains(where: { $0.key == member.key }) {
                return "\(path).\(member.key) is new"
            }
            return nil
        case (.array(let left), .array(let right)):
            guard left.count == right.count else { return "\(path) has \(right.count) elements, not \(left.count)" }
            for (index, pair) in zip(left, right).enumerated() {
                if let found = pair.0.difference(from: pair.1, at: "\(path)[\(index)]") { return found }
            }
            return nil
        case (.number(let left), .number(let right)):
            return left == right || double == other.double ? nil : "\(path) is \(right), not \(left)"
        default:
            return self == other ? nil : "\(path) is \(other.text.prefix(120)), not \(text.prefix(120))"
        }
    }
}
