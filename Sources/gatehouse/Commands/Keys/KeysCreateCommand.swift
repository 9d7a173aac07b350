import ArgumentParser
import GatehouseCore
import GatehouseEngine
import GatehouseStore
import Glibc

/// `gatehouse keys create`
struct KeysCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a key and show it, this once.",
        discussion: """
            Its name is for good: it stays taken when the key is revoked.

            EXAMPLES
              gatehouse keys create ci
              gatehouse keys create ci --models fast --models 'openai/*' --expires 30d
              gatehouse keys create ops --role operator --addresses 10.0.0.0/8 --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "At most 64 letters, digits, '.', '-' and '_'.")
    var name: String

    @Option(help: "admin, operator, member or viewer.")
    var role = "member"

    @Option(help: "A model it may use; '*' at the end stands for anything. Otherwise all. Can be given several times.")
    var models: [String] = []

    @Option(
        help: "A path it may ask for; '*' at the end stands for anything. Otherwise all. Can be given several times.")
    var routes: [String] = []

    @Option(
        help: "An address or a network that it may be used from. Otherwise from anywhere. Can be given several times.")
    var addresses: [String] = []

    @Option(name: .customLong("tag"), help: "A word for your own lists. Can be given several times.")
    var tags: [String] = []

    @Option(help: ArgumentHelp("How long it lasts. Otherwise until it is revoked.", valueName: "30d"))
    var expires: String?

    @Option(help: "The user it belongs to, by name or id.")
    var user: String?

    @Option(help: "The team it belongs to, by name or id.")
    var team: String?

    @Option(help: "The organisation it belongs to, by name or id.")
    var organization: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        try await CommandFailure.reported {
            let key = try KeyDocument.draft(try document())
            let (record, token) = try await OpenKeys.use(options) { registry in
                try await registry.create(key, by: OpenKeys.author)
            }
            guard json else {
                return CommandOutput.print("Key \(record.key.name), shown only now:\n  \(token.reveal())\n")
            }
            let members = KeyDocument.members(record, at: time(nil))
            CommandOutput.print(JSONValue.object(members + [.init("key", .string(token.reveal()))]).text)
        }
    }

    /// As the admin API would be asked.
    private func document() throws(GatehouseError) -> JSONValue {
        func list(_ texts: [String]) -> JSONValue? { texts.isEmpty ? nil : .array(texts.map { .string($0) }) }
        return .object([
            "name": .string(name), "role": .string(role), "models": list(models), "routes": list(routes),
            "addresses": list(addresses), "tags": list(tags), "expires_at": try end().map { .int($0) },
            "user": user.map { .string($0) }, "team": team.map { .string($0) },
            "organization": organization.map { .string($0) },
        ])
    }

    private func end() throws(GatehouseError) -> Int? {
        guard let expires else { return nil }
        guard let duration = DurationText.read(expires), duration > .zero else {
            throw JSONFields.invalid("--expires", "must be a duration such as 30d, 12h or 90m")
        }
        return time(nil) + Int(clamping: min(duration.components.seconds, 100 * 366 * 86_400))
    }
}
