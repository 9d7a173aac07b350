import GatehouseEngine
import GatehouseStore
import Glibc

/// Makes the logs that a configuration asks for.
enum LogSetup {
    /// - Parameter directory: What a relative `logging.file` is below.
    static func make(_ settings: LoggingConfiguration, directory: String) throws(StoreError) -> LogSystem {
        let output: LogFile
        if let file = settings.file {
            let path = file.hasPrefix("/") ? file : "\(directory)/\(file)"
            // A folder of our own below the data directory may be missing on a first start.
            if let slash = path.lastIndex(of: "/"), !file.hasPrefix("/") { mkdir(String(path[..<slash]), 0o700) }
            do throws(LogFile.Problem) {
                output = try LogFile(path: path, maxSize: settings.maxSize, keep: settings.keep)
            } catch {
                throw StoreError(.io, "logging.file", error.description)
            }
        } else {
            output = LogFile(descriptor: STDERR_FILENO)
        }
        let isTerminal = settings.file == nil && isatty(STDERR_FILENO) == 1
        return LogSystem(output: output, form: form(settings.format, isTerminal: isTerminal), level: settings.level)
    }

    static func form(_ format: LoggingConfiguration.Format, isTerminal: Bool) -> LogSystem.Form {
        switch format {
        case .json: .json
        case .console: .console(colour: isTerminal)
        case .auto: isTerminal ? .console(colour: true) : .json
        }
    }
}
