import GatehouseEngine

/// Where the data directory is.
enum DataLocation {
    /// The option, `GATEHOUSE_DATA_DIR`, `$XDG_DATA_HOME/gatehouse` or `~/.local/share/gatehouse`, whichever is first.
    static func choose(option: String?, variables: [String: String]) throws(ConfigurationProblems) -> String {
        if let option {
            guard !option.isEmpty else { throw problem("--data-dir", "is empty") }
            return option
        }
        if let path = variables["GATEHOUSE_DATA_DIR"] {
            guard !path.isEmpty else { throw problem("GATEHOUSE_DATA_DIR", "is empty") }
            return path
        }
        // A relative one is to be ignored, says the XDG specification.
        if let home = variables["XDG_DATA_HOME"], home.hasPrefix("/") { return "\(home)/gatehouse" }
        if let home = variables["HOME"], home.hasPrefix("/") { return "\(home)/.local/share/gatehouse" }
        throw problem("data directory", "has no place: HOME is not set; use --data-dir or GATEHOUSE_DATA_DIR")
    }

    private static func problem(_ subject: String, _ message: String) -> ConfigurationProblems {
        ConfigurationProblems([ConfigurationProblem(path: subject, message: message)])
    }
}
