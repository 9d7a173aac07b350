/// What routes may decide by: who calls, with which headers, how large, and what it needs. Worked out once for a call, and
/// only for plans that ask for it.
package struct CallTraits: Sendable, Equatable {
    /// The name of the caller's key.
    package var key: String
    /// Those that some condition names, in lower case.
    package var headers: [Header] = []
    /// An estimate in tokens: four bytes each.
    package var input: Int
    /// The most tokens that the caller wants written; `nil` when it does not say.
    package var output: Int?
    /// `nil` where the plan does not ask, or the call is no generation.
    package var needs: Features?

    package struct Header: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// - Parameter bytes: Of the body.
    package init(key: String, bytes: Int, output: Int? = nil) {
        self.key = key
        input = max(1, bytes / 4)
        self.output = output
    }

    package func header(_ name: String) -> String? { headers.first { $0.name == name }?.value }
}

/// When a target takes a call. What is not said is no condition.
package struct TargetCondition: Sendable, Equatable {
    /// Names of callers' keys, `*` at the end standing for anything.
    package var keys: [ModelPattern] = []
    /// All of them must be there with such a value.
    package var headers: [(name: String, value: ModelPattern)] = []
    /// Estimated tokens of the input.
    package var minimumInput: Int?
    package var maximumInput: Int?
    /// What the target has; whoever needs more is sent elsewhere. `nil`: nothing is known, so everything is tried.
    package var features: Features?

    package init() {}

    package static func == (left: Self, right: Self) -> Bool {
        left.keys == right.keys && left.minimumInput == right.minimumInput && left.maximumInput == right.maximumInput
            && left.features == right.features
            && left.headers.elementsEqual(right.headers) { $0.name == $1.name && $0.value == $1.value }
    }

    /// Whether there is anything to look at.
    package var isEmpty: Bool { self == TargetCondition() }

    /// Why a call is not for this target; `nil` when it is.
    package func refusal(of traits: CallTraits) -> Refusal? {
        if !keys.isEmpty, !keys.contains(where: { $0.matches(traits.key) }) { return .key }
        for (name, value) in headers {
            guard let given = traits.header(name), value.matches(given) else { return .header(name) }
        }
        if let minimumInput, traits.input < minimumInput { return .tooSmall(minimumInput) }
        if let maximumInput, traits.input > maximumInput { return .tooLarge(maximumInput) }
        if let features, let needs = traits.needs, !needs.isSubset(of: features) {
            return .lacks(needs.subtracting(features))
        }
        return nil
    }

    package enum Refusal: Sendable, Equatable {
        case key
        case header(String)
        case tooSmall(Int)
        case tooLarge(Int)
        case lacks(Features)

        /// For a person.
        package var text: String {
            switch self {
            case .key: "it is not for this key"
            case .header(let name): "the header \(name) is not as it wants it"
            case .tooSmall(let tokens): "it is for requests of \(tokens) tokens or more"
            case .tooLarge(let tokens): "it is for requests of up to \(tokens) tokens"
            case .lacks(let features): "it lacks \(features.names.joined(separator: ", "))"
            }
        }
    }
}
