import ArgumentParser
import GatehouseCore
import GatehouseEngine
import GatehouseStore
import Glibc

/// `gatehouse keys list`
struct KeysListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the keys in the database.",
        discussion: """
            EXAMPLES
              gatehouse keys list
              gatehouse keys list --tag ci --all
              gatehouse keys list --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Those that were revoked as well.")
    var all = false

    @Option(help: "Only those with this tag.")
    var tag: String?

    @Option(help: "Only the one that begins so: gh- and eight digits.")
    var prefix: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        try await CommandFailure.reported {
            var query = KeyQuery()
            (query.tag, query.prefix, query.includesRevoked) = (tag, prefix, all)
            query.limit = 100_000
            let asked = query
            let records = try await OpenKeys.use(options) { registry in try await registry.keys(asked) }
            let now = time(nil)
            guard json else { return CommandOutput.print(Self.table(records, now)) }
            let list = records.map { JSONValue.object(KeyDocument.members($0, at: now)) }
            CommandOutput.print(JSONValue.object(["keys": .array(list)]).text)
        }
    }

    private static func table(_ records: [KeyRecord], _ now: Int) -> String {
        guard !records.isEmpty else { return "There are none. gatehouse keys create NAME makes one." }
        let rows = records.map { record in
            [
                record.key.name, record.prefix, record.state(at: now).rawValue, record.key.role.rawValue,
                record.key.models.map(\.text).joined(separator: ","),
                record.key.expires.map { Timestamp.rfc3339(seconds: $0, milliseconds: 0) } ?? "-",
            ]
        }
        return CommandOutput.table([["NAME", "PREFIX", "STATE", "ROLE", "MODELS", "EXPIRES"]] + rows)
    }
}
