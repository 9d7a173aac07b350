import GatehouseEngine
import Testing

@testable import gatehouse

/// `docs/configuration.md` and the configuration say the same.
@Suite struct ConfigurationDocumentationTests {
    private static let docs = #filePath.split(separator: "/").dropLast(3).map { "/" + $0 }.joined() + "/docs/"

    /// The cells of each row whose first cell is a key.
    private func rows() throws -> [String: [String]] {
        let text = try TextFile.read(Self.docs + "configuration.md").get()
        var rows: [String: [String]] = [:]
        for line in text.split(separator: "\n") where line.hasPrefix("| `") && line.contains("` | ") {
            let cells = line.split(separator: "|").map { cell in
                String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
            guard let key = cells.first?.dropFirst().dropLast(), key.contains(".") else { continue }
            #expect(rows.updateValue(Array(cells.dropFirst()), forKey: String(key)) == nil, "\(key) is there twice")
        }
        return rows
    }

    @Test func everyKeyIsExplainedAndNoOther() throws {
        // A list of groups at the top is its section.
        let keys = ConfigurationBuilder.keys().map(\.path).filter { $0.contains(".") }
        #expect(Set(try rows().keys) == Set(keys))
    }

    @Test func variablesAreRight() throws {
        let rows = try rows()
        for key in ConfigurationBuilder.keys() {
            guard let name = key.environmentName else { continue }
            #expect(rows[key.path]?[1] == "`\(name)`", "\(key.path)")
        }
    }

    @Test func defaultsAreRight() throws {
        let printed = try YAMLDocument.parse(ConfigurationDocument(GatehouseConfiguration()).yaml).get()
        var defaults: [String: String] = [:]
        collect(printed, "", into: &defaults)
        let rows = try rows()
        for (path, value) in defaults where path.contains(".") { #expect(rows[path]?[0] == "`\(value)`", "\(path)") }
        #expect(defaults.count > 30)
    }

    private func collect(_ node: ConfigurationNode, _ path: String, into defaults: inout [String: String]) {
        switch node.content {
        case .map(let entries):
            for entry in entries {
                collect(entry.value, path.isEmpty ? entry.key : "\(path).\(entry.key)", into: &defaults)
            }
        case .null: defaults[path] = "null"
        case .scalar(let scalar): defaults[path] = scalar.text
        case .list(let items):
            let texts = items.map { if case .scalar(let scalar) = $0.content { scalar.text } else { "?" } }
            defaults[path] = "[\(texts.joined(separator: ", "))]"
        }
    }

    @Test func theExampleIsRight() throws {
        let loader = ConfigurationLoader(
            file: Self.docs + "gatehouse.example.yaml", catalog: HostCatalog.make(variables: [:]),
            variables: ["OPENAI_API_KEY": "sk-1", "CI_KEY": "gh-ci"])
        let tree = try loader.load().get()
        #expect(tree.providers.map(\.name) == ["openai", "local"])
        #expect(tree.agents.map(\.name) == ["gemini-cli", "mine"])
        #expect(tree.keys.map(\.name) == ["ci"])
    }
}
