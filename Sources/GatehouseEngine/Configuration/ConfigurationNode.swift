/// A document of settings before anybody has said what they mean: what a YAML file, the environment and the command
/// line have in common.
package struct ConfigurationNode: Sendable, Equatable {
    package var content: Content
    package var origin: Origin

    package init(_ content: Content, origin: Origin = .unknown) {
        self.content = content
        self.origin = origin
    }

    package enum Content: Sendable, Equatable {
        case null
        case scalar(Scalar)
        case list([ConfigurationNode])
        /// In the order of the document; keys are unique.
        case map([Entry])
    }

    /// Text that is read as a number, a duration, a name … by whoever knows.
    package struct Scalar: Sendable, Equatable {
        package var text: String
        /// What an error may quote: never the value of a variable, which may be a secret.
        package var shown: String

        package init(_ text: String, shown: String? = nil) {
            self.text = text
            self.shown = shown ?? text
        }
    }

    package struct Entry: Sendable, Equatable {
        package var key: String
        package var value: ConfigurationNode

        package init(key: String, value: ConfigurationNode) {
            self.key = key
            self.value = value
        }
    }

    /// Where a setting was made.
    package enum Origin: Sendable, Equatable {
        case unknown
        /// A line of the file, from 1.
        case line(Int)
        /// The name of a variable.
        case environment(String)
        /// An option of the command line, with its dashes.
        case option(String)
    }
}

extension ConfigurationNode {
    package static func text(_ text: String, origin: Origin = .unknown) -> ConfigurationNode {
        ConfigurationNode(.scalar(Scalar(text)), origin: origin)
    }

    package static func list(_ items: [ConfigurationNode]) -> ConfigurationNode {
        ConfigurationNode(.list(items))
    }

    package static func map(_ pairs: [(String, ConfigurationNode)]) -> ConfigurationNode {
        ConfigurationNode(.map(pairs.map { Entry(key: $0.0, value: $0.1) }))
    }

    /// Puts `value` at `path`, over what is there; groups on the way are made.
    package mutating func set(_ value: ConfigurationNode, at path: ArraySlice<Substring>) {
        guard let first = path.first else {
            self = value
            return
        }
        var entries: [Entry] = []
        if case .map(let present) = content { entries = present }
        if let index = entries.firstIndex(where: { $0.key == first }) {
            entries[index].value.set(value, at: path.dropFirst())
        } else {
            var made = ConfigurationNode(.null, origin: value.origin)
            made.set(value, at: path.dropFirst())
            entries.append(Entry(key: String(first), value: made))
        }
        content = .map(entries)
    }
}
