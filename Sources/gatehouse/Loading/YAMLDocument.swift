import GatehouseEngine
import Yams

/// The one door to the YAML library: text in, a bounded document out.
enum YAMLDocument {
    /// Counted after aliases are put in.
    static let maximumNodes = 50_000
    static let maximumDepth = 16

    /// An empty text is an empty group.
    static func parse(_ text: String) -> Result<ConfigurationNode, ConfigurationProblem> {
        if let line = KeyAliasScan.line(of: text) {
            return .failure(problem("uses an alias (*name) beside a key that is not plain text", line))
        }
        do {
            guard let root = try Yams.Parser(yaml: text).singleRoot() else { return .success(.map([])) }
            var count = 0
            return try .success(convert(root, depth: 0, &count))
        } catch let problem as ConfigurationProblem {
            return .failure(problem)
        } catch let error as YamlError {
            return .failure(explain(error))
        } catch {
            return .failure(problem("cannot be parsed", nil))
        }
    }

    private static func convert(_ node: Node, depth: Int, _ count: inout Int) throws -> ConfigurationNode {
        count += 1
        let line = node.mark?.line
        guard count <= maximumNodes else {
            throw problem("has more than \(maximumNodes) values, aliases included", line)
        }
        guard depth <= maximumDepth else { throw problem("is nested deeper than \(maximumDepth) levels", line) }
        let origin: ConfigurationNode.Origin = line.map { .line($0) } ?? .unknown
        switch node {
        case .scalar(let scalar):
            let isNull = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            return ConfigurationNode(isNull ? .null : .scalar(.init(scalar.string)), origin: origin)
        case .sequence(let sequence):
            let items = try sequence.map { try convert($0, depth: depth + 1, &count) }
            return ConfigurationNode(.list(items), origin: origin)
        case .mapping(let mapping):
            let entries = try mapping.map { key, value in
                guard case .scalar(let name) = key else {
                    throw problem("has a key that is not plain text", key.mark?.line)
                }
                return ConfigurationNode.Entry(key: name.string, value: try convert(value, depth: depth + 1, &count))
            }
            return ConfigurationNode(.map(entries), origin: origin)
        case .alias:
            throw problem("has an alias that could not be resolved", line)
        }
    }

    private static func explain(_ error: YamlError) -> ConfigurationProblem {
        switch error {
        case .scanner(_, let text, let mark, _), .parser(_, let text, let mark, _), .composer(_, let text, let mark, _):
            problem("is not YAML: \(text)", mark.line)
        case .duplicatedKeysInMapping(let names, let context):
            problem("repeats the key \(names.map { "\"\($0)\"" }.joined(separator: ", "))", context.mark.line)
        case .reader(let text, _, _, _): problem("is not YAML: \(text)", nil)
        default: problem("cannot be parsed", nil)
        }
    }

    private static func problem(_ message: String, _ line: Int?) -> ConfigurationProblem {
        ConfigurationProblem(path: "", message: message, origin: line.map { .line($0) } ?? .unknown)
    }
}
