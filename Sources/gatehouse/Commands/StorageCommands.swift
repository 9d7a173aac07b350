import ArgumentParser
import GatehouseCore
import GatehouseEngine
import GatehouseStore

/// `gatehouse migrate`
struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Bring the database up to date.",
        discussion: """
            A gateway does so by itself when it starts; this tells what is done, and \
            does it before. Steps are never taken back: make a backup first.

            EXAMPLES
              gatehouse migrate
              gatehouse migrate --config gatehouse.yaml --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Print one JSON object.")
    var json = false

    func run() async throws {
        try await CommandFailure.reported {
            let path = try options.databasePath()
            let report = try SQLiteMaintenance.migrate(path)
            guard json else {
                let lines = report.known.map { "before  \($0)" } + report.taken.map { "now     \($0)" }
                return CommandOutput.print((lines + ["\(path) is up to date."]).joined(separator: "\n"))
            }
            CommandOutput.print(
                JSONValue.object([
                    .init("path", .string(path)), .init("known", .array(report.known.map { .string($0) })),
                    .init("taken", .array(report.taken.map { .string($0) })),
                ]).text)
        }
    }
}

/// `gatehouse backup`
struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copy the database to a file, also while a gateway runs.",
        discussion: """
            The copy is as the database was at one moment. Uploaded files are not in \
            it: copy the folder that files.url names afterwards, so that each file \
            that the copy knows is there.

            EXAMPLES
              gatehouse backup /var/backups/gatehouse-monday.db
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "A file that is not there yet.")
    var file: String

    func run() async throws {
        try await CommandFailure.reported {
            let path = try options.databasePath()
            try SQLiteMaintenance.backup(path, to: file)
            CommandOutput.print("\(path) was copied to \(file).")
        }
    }
}

/// `gatehouse restore`
struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Put a copy that was made by backup in the place of the database.",
        discussion: """
            The gateway must not run. The database that is there now is kept beside \
            it. A copy of an older version is brought up to date.

            EXAMPLES
              gatehouse restore /var/backups/gatehouse-monday.db
            """)

    @OptionGroup var options: ConfigurationOptions

    @Argument(help: "The copy.")
    var file: String

    func run() async throws {
        try await CommandFailure.reported {
            let path = try options.databasePath()
            let former = try SQLiteMaintenance.restore(path, from: file)
            let kept = former.map { " What was there is \($0) now." } ?? ""
            CommandOutput.print("\(path) is as \(file) has it.\(kept)")
        }
    }
}
