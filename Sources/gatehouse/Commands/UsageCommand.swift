import ArgumentParser
import GatehouseCore
import GatehouseEngine
import GatehouseStore

/// `gatehouse usage`
struct UsageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Show what was used and what it cost, from the ledger.",
        discussion: """
            Reads the database, also while a gateway uses it. Days are those of UTC. \
            Attempts are counted, not calls: a call that went on to another target \
            has several.

            EXAMPLES
              gatehouse usage
              gatehouse usage --by key,model --from 2026-12-01 --to 2026-12-31
              gatehouse usage --by day --csv > usage.csv
              gatehouse usage --by team --json
            """)

    @OptionGroup var options: ConfigurationOptions

    @Option(
        help: ArgumentHelp(
            "Add up by these, with commas: key, user, team, organization, provider, model, day.", valueName: "names"))
    var by = "key"

    @Option(help: ArgumentHelp("The first day, such as 2026-12-01.", valueName: "day"))
    var from: String?

    @Option(help: ArgumentHelp("The last day.", valueName: "day"))
    var to: String?

    @Flag(help: "Print one JSON object.")
    var json = false

    @Flag(help: "Print lines with commas.")
    var csv = false

    func validate() throws {
        guard !(json && csv) else { throw ValidationError("--json and --csv cannot be had at the same time.") }
        do {
            _ = try UsageReport.query(by: by, from: from, to: to)
        } catch {
            throw ValidationError(error.message)
        }
    }

    func run() async throws {
        try await CommandFailure.reported {
            let configuration = try options.loader().load().get()
            let directory = try DataDirectory.prepare(options.dataDirectoryPath())
            let database = try SQLiteDatabase(path: Storage.place(configuration.storage.path, directory.path))
            let ledger = SQLiteLedger(database: database, spill: directory.path + "/ledger.waiting", instance: "")
            let query = try UsageReport.query(by: by, from: from, to: to)
            let report = UsageReport(query: query, lines: try await ledger.usage(query))
            try database.close()
            if csv { return CommandOutput.print(report.csv) }
            CommandOutput.print(json ? report.json.text : CommandOutput.table(report.table))
        }
    }
}
