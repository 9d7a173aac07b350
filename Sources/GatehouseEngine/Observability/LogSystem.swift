package import Logging
import Synchronization

/// The logs of this process: one sink, one form of line, one level that a reload can change.
package final class LogSystem: Sendable {
    /// What lines look like.
    package enum Form: Sendable, Equatable {
        case json
        case console(colour: Bool)
    }

    package let sink: LogSink
    private let form: Form
    private let levelIndex: Atomic<Int>

    package init(output: any LogOutput, form: Form, level: Logger.Level) {
        self.form = form
        levelIndex = Atomic(Self.index(of: level))
        sink = LogSink(output) { count in
            let event = LogEvent(
                level: .warning, message: "log lines were dropped", metadata: ["count": "\(count)"],
                source: "GatehouseEngine", file: #fileID, function: #function, line: #line)
            return LogLine.render(event, label: "log", metadata: event.metadata ?? [:], form: form)
        }
    }

    /// Applies to all loggers that were not given a level of their own.
    package var level: Logger.Level {
        get { Logger.Level.allCases[levelIndex.load(ordering: .relaxed)] }
        set { levelIndex.store(Self.index(of: newValue), ordering: .relaxed) }
    }

    /// A logger's back end; this is what swift-log is bootstrapped with.
    package func handler(label: String) -> any LogHandler {
        SystemLogHandler(label: label, system: self)
    }

    fileprivate func write(_ event: LogEvent, label: String, metadata: Logger.Metadata) {
        sink.write(LogLine.render(event, label: label, metadata: metadata, form: form))
    }

    private static func index(of level: Logger.Level) -> Int {
        Logger.Level.allCases.firstIndex(of: level) ?? 0
    }
}

private struct SystemLogHandler: LogHandler {
    let label: String
    let system: LogSystem
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    private var ownLevel: Logger.Level?

    init(label: String, system: LogSystem) {
        self.label = label
        self.system = system
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? system.level }
        set { ownLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { $1 } }
        if let own = event.metadata { all.merge(own) { $1 } }
        system.write(event, label: label, metadata: all)
    }
}
