/// One thing that is wrong with a configuration.
package struct ConfigurationProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// The key path, such as `providers[0].baseURL`; empty for the document as a whole.
    package var path: String
    /// What is wrong and what would be right. It quotes no secret.
    package var message: String
    package var origin: ConfigurationNode.Origin

    package init(path: String, message: String, origin: ConfigurationNode.Origin = .unknown) {
        self.path = path
        self.message = message
        self.origin = origin
    }

    /// One line, whatever a key of the document is made of.
    package var description: String {
        let place =
            switch origin {
            case .unknown: ""
            case .line(let line): " (line \(line))"
            case .environment(let name), .option(let name): " (\(name))"
            }
        let line = (path.isEmpty ? message : "\(path): \(message)") + place
        return String(
            String.UnicodeScalarView(line.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? "?" : $0 }))
    }
}

/// All that is wrong with a configuration; never empty.
package struct ConfigurationProblems: Error, Sendable, Equatable, CustomStringConvertible {
    package var list: [ConfigurationProblem]

    package init(_ list: [ConfigurationProblem]) {
        self.list = list
    }

    /// One line each.
    package var description: String {
        list.map(\.description).joined(separator: "\n")
    }
}

/// Gathers what is found while one configuration is read, so that an operator sees all problems at once.
final class ConfigurationJournal {
    private(set) var problems: [ConfigurationProblem] = []
    private(set) var keys: [ConfigurationKey] = []
    private var silenced: Set<String> = []
    private var origins: [String: ConfigurationNode.Origin] = [:]
    /// Read the keys of one imaginary item of each list, to learn them; problems mean nothing then.
    let isListingKeys: Bool

    init(isListingKeys: Bool = false) {
        self.isListingKeys = isListingKeys
    }

    func found(_ node: ConfigurationNode, at path: String) {
        origins[path] = node.origin
    }

    func known(_ key: ConfigurationKey) {
        keys.append(key)
    }

    /// What could not be made out is reported once, not again for what it is taken for.
    func silence(_ path: String) {
        silenced.insert(path)
    }

    /// Whether anything is wrong with a setting, or below it.
    func hasProblem(at path: String) -> Bool {
        problems.contains { $0.path.hasPrefix(path) }
    }

    func report(_ path: String, _ message: String) {
        guard !silenced.contains(path) else { return }
        let problem = ConfigurationProblem(path: path, message: message, origin: origin(of: path))
        if !problems.contains(problem) { problems.append(problem) }
    }

    func report(_ problem: ConfigurationProblem) {
        problems.append(problem)
    }

    /// That of the nearest group when the setting itself was not made.
    private func origin(of path: String) -> ConfigurationNode.Origin {
        var path = path[...]
        while true {
            if let origin = origins[String(path)] { return origin }
            guard let end = path.lastIndex(where: { $0 == "." || $0 == "[" }) else { return .unknown }
            path = path[..<end]
        }
    }
}

/// A setting that exists.
package struct ConfigurationKey: Sendable, Equatable {
    package enum Shape: Sendable, Equatable {
        case scalar
        /// A list of scalars; the environment writes it with commas.
        case list
        /// Names of the operator's own, each with a scalar.
        case table
        /// A list of groups.
        case items
    }

    /// The key path; `[]` stands for any item of a list.
    package var path: String
    package var shape: Shape
    /// What a right value is, in words.
    package var what: String

    package init(path: String, shape: Shape, what: String) {
        self.path = path
        self.shape = shape
        self.what = what
    }

    /// The variable that sets it; `nil` when only a file can.
    package var environmentName: String? {
        guard !path.contains("[") else { return nil }
        switch shape {
        case .scalar, .list: break
        case .table, .items: return nil
        }
        var name = "GATEHOUSE"
        for part in path.split(separator: ".") {
            name += "_"
            var previousIsLower = false
            for character in part {
                if character.isUppercase, previousIsLower { name += "_" }
                previousIsLower = !character.isUppercase
                name += character.uppercased()
            }
        }
        return name
    }
}
