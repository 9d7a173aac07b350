import ArgumentParser
import GatehouseCore
import GatehouseEngine
import GatehouseStore
import Glibc

/// `gatehouse keys`
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Make, list and revoke the keys that callers show.",
        discussion: """
            For the keys in the database; those of the configuration are its own. A \
            gateway that runs takes changes up within a second.

            EXAMPLES
              gatehouse keys create ci
              gatehouse keys list
              gatehouse keys revoke ci
            """,
        subcommands: [KeysCreateCommand.self, KeysListCommand.self, KeysRevokeCommand.self],
        defaultSubcommand: KeysListCommand.self)
}

/// The store of keys, opened beside a gateway that may run.
enum OpenKeys {
    /// Opens it, does something and closes it again.
    static func use<Value>(
        _ options: ConfigurationOptions, _ work: (SQLiteKeyRegistry) async throws -> Value
    ) async throws -> Value {
        let configuration = try options.loader().load().get()
        let directory = try DataDirectory.prepare(options.dataDirectoryPath())
        let database = try SQLiteDatabase(path: Storage.place(configuration.storage.path, directory.path))
        let registry = SQLiteKeyRegistry(database: database, pepper: try KeyPepper.load(directory: directory.path))
        // A key of the configuration has its name, whether a gateway has run with it or not.
        _ = try await registry.claim([AdminKeyFile.keyName] + configuration.keys.map(\.name))
        let value = try await work(registry)
        // Whoever else has it open may go on; then the log stays.
        try? database.close()
        return value
    }

    /// Who is at the terminal: no key has such a name.
    static var author: Author {
        let user = getpwuid(getuid()).map { String(cString: $0.pointee.pw_name) } ?? "\(getuid())"
        return Author(name: "shell:\(user)")
    }
}
