/// A function call that comes in pieces (Vertex's `streamFunctionCallArguments`): each piece sets a value, or a part of
/// a text, at a place named by a JSON path (RFC 9535, names and indices only: `$.recipe.steps[2]`).
struct GeminiPartialCall: Sendable {
    /// Bytes of texts, values and places of one call; a call that grows beyond is not taken.
    private static let maximumSize = 8 << 20
    private static let maximumDepth = 32

    private enum Step: Sendable {
        case name(String)
        case index(Int)
    }

    let id: String?
    let name: String
    var signature: String?
    private(set) var arguments = JSONValue.object([])
    private var size = 0

    init(id: String?, name: String, signature: String?) {
        self.id = id
        self.name = name
        self.signature = signature
    }

    /// - Throws: `Failure(.protocol)` for a place that cannot be, or too much.
    mutating func add(_ piece: JSONValue) throws(Failure) {
        let path = piece["jsonPath"]?.string ?? "$"
        guard let steps = Self.steps(path), !steps.isEmpty else {
            throw Failure(.protocol, detail: "a call's argument has no place")
        }
        let value: JSONValue =
            if let text = piece["stringValue"]?.string {
                .string(text)
            } else if let number = piece["numberValue"], number.numberText != nil {
                number
            } else if let flag = piece["boolValue"]?.bool {
                .bool(flag)
            } else {
                .null
            }
        size = size.capped(adding: path.utf8.count).capped(adding: value.string?.utf8.count ?? 16)
        guard size <= Self.maximumSize, Self.set(&arguments, steps[...], value) else {
            throw Failure(.protocol, detail: "a call's arguments are too large or do not fit together")
        }
    }

    /// Sets the value at a place; a text is put behind the text that is there.
    private static func set(_ target: inout JSONValue, _ path: ArraySlice<Step>, _ value: JSONValue) -> Bool {
        guard let step = path.first else {
            if case .string(let more) = value, case .string(var text) = target {
                target = .null
                text += more
                target = .string(text)
            } else {
                target = value
            }
            return true
        }
        // The container is taken out while it changes, so that it is not copied.
        let held = target
        target = .null
        switch (step, held) {
        case (.name(let name), .object(var members)):
            let place = members.firstIndex { $0.key == name } ?? members.count
            if place == members.count { members.append(JSONValue.Member(name, empty(path.dropFirst().first))) }
            let isSet = set(&members[place].value, path.dropFirst(), value)
            target = .object(members)
            return isSet
        case (.index(let index), .array(var elements)):
            guard index <= elements.count else { return false }
            if index == elements.count { elements.append(empty(path.dropFirst().first)) }
            let isSet = set(&elements[index], path.dropFirst(), value)
            target = .array(elements)
            return isSet
        default: return false
        }
    }

    /// What a new place begins as, by the step that leads on from it.
    private static func empty(_ next: Step?) -> JSONValue {
        switch next {
        case .name: .object([])
        case .index: .array([])
        case nil: .null
        }
    }

    /// `nil` for a path that is malformed or too deep.
    private static func steps(_ path: String) -> [Step]? {
        guard path.first == "$" else { return nil }
        var steps: [Step] = []
        var rest = path.dropFirst()
        while let mark = rest.first {
            guard steps.count < maximumDepth else { return nil }
            rest = rest.dropFirst()
            if mark == "." {
                let name = rest.prefix { $0 != "." && $0 != "[" }
                guard !name.isEmpty else { return nil }
                steps.append(.name(String(name)))
                rest = rest.dropFirst(name.count)
            } else if mark == "[", let quote = rest.first, quote == "'" || quote == "\"" {
                let name = rest.dropFirst().prefix { $0 != quote }
                rest = rest.dropFirst(name.count + 1)
                guard rest.hasPrefix("\(quote)]") else { return nil }
                steps.append(.name(String(name)))
                rest = rest.dropFirst(2)
            } else if mark == "[" {
                let digits = rest.prefix { $0 != "]" }
                guard let index = Int(digits), index >= 0, rest.count > digits.count else { return nil }
                steps.append(.index(index))
                rest = rest.dropFirst(digits.count + 1)
            } else {
                return nil
            }
        }
        return steps
    }
}
