import GatehouseCore
import GatehouseEngine
import GatehouseStore

/// The secrets that this gateway knows, to be taken out of what is shown.
enum KnownSecrets {
    private static let words = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "COOKIE"]

    /// Of the configuration, of the data directory, and of variables whose names say so.
    static func list(
        _ configuration: GatehouseConfiguration, _ variables: [String: String], _ dataDirectory: String
    ) -> [Secret] {
        var secrets = configuration.providers.flatMap { $0.keys.map(\.value) } + configuration.keys.map(\.value)
        secrets += configuration.agents.flatMap { $0.environment.map(\.value) }
        secrets += variables.filter { name, _ in
            let upper = name.uppercased()
            return words.contains { upper.contains($0) } && !upper.hasSuffix("_FILE") && !upper.hasSuffix("_PATH")
        }.map { Secret($0.value) }
        if let key = try? AdminKeyFile(directory: dataDirectory).read() { secrets.append(key) }
        return secrets
    }
}
