import ArgumentParser
import GatehouseEngine
import GatehouseStore

/// What every command that reads the configuration takes.
struct ConfigurationOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Read this file. Otherwise the one that GATEHOUSE_CONFIG names, otherwise none.", valueName: "file"))
    var config: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Keep everything here. Otherwise in GATEHOUSE_DATA_DIR, otherwise in the XDG data home.",
            valueName: "directory"
        ))
    var dataDir: String?

    /// The loader for the file that was asked for; a reload uses it again.
    func loader() throws -> ConfigurationLoader {
        let variables = ProcessEnvironment.variables()
        return ConfigurationLoader(
            file: config ?? variables["GATEHOUSE_CONFIG"], catalog: HostCatalog.make(variables: variables),
            variables: variables)
    }

    /// Where the data directory is, whether it exists or not.
    func dataDirectoryPath() throws(ConfigurationProblems) -> String {
        try DataLocation.choose(option: dataDir, variables: ProcessEnvironment.variables())
    }

    /// The file of the database; the data directory is made where it is not there.
    func databasePath() throws -> String {
        let configuration = try loader().load().get()
        let directory = try DataDirectory.prepare(dataDirectoryPath())
        return Storage.place(configuration.storage.path, directory.path)
    }
}
