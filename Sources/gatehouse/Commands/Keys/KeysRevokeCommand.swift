import ArgumentParser
import GatehouseCore
import GatehouseEngine
import GatehouseStore
import Glibc

/// `gatehouse keys revoke`
struct KeysRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "End a key for good.",
        discussion: """
            A gateway that runs refuses it within a second and ends its streams within \
            five. What the key keeps there stays under its name, which nobody gets again.

            EXAMPLES
              gatehouse keys revoke ci
              gatehouse keys revoke vk_0123456789abcdef0123 --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The key's name or id.")
    var key: String

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        try await CommandFailure.reported {
            let record = try await OpenKeys.use(options) { registry in
                try await registry.revoke(key, by: OpenKeys.author)
            }
            guard let record else {
                throw GatehouseError(
                    .notFound, "there is no key \(key) in the database; gatehouse keys list shows them")
            }
            guard json else { return CommandOutput.print("Key \(record.key.name) is revoked.") }
            CommandOutput.print(JSONValue.object(KeyDocument.members(record, at: time(nil))).text)
        }
    }
}
