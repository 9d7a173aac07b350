import ArgumentParser
import GatehouseCore
import GatehouseEngine
import GatehouseStore
import Glibc
import Logging
import ServiceLifecycle

/// What is kept on disks, and what cleans up there. As a service it is the last to end: whoever else ends may still write.
struct Storage: Service {
    let database: SQLiteDatabase
    let files: FileService
    let uploads: ResumableUploads
    let conversations: SQLiteConversationStore
    let agentSessions: AgentSessionMemory
    let runs: SQLiteRunStore
    let sessions: SQLiteSessionStore
    let keys: SQLiteKeyRegistry
    let idempotency: SQLiteIdempotencyStore
    /// `nil` where nobody keeps accounts.
    let ledger: SQLiteLedger?
    let ledgerDays: Int
    let instance: String
    private let store: DiskFileStore
    private let logger: Logger

    /// Between two looks for what has run out.
    private static let pause = Duration.seconds(60)

    init(
        _ configuration: GatehouseConfiguration, dataDirectory: String, registry: MetricsRegistry, logger: Logger
    ) throws {
        self.logger = logger
        let settings = configuration.files
        database = try SQLiteDatabase(
            path: Self.place(configuration.storage.path, dataDirectory),
            onFatal: { problem in Self.end(problem, logger) })
        store = try DiskFileStore(
            database: database, folder: Self.place(settings.path, dataDirectory),
            quota: FileQuota(bytes: settings.quota, count: settings.maxFiles, floor: settings.minFree))
        let journal = SQLiteAgentSessions(database: database)
        agentSessions = AgentSessionMemory(journal: journal, known: try journal.load(atMost: 20_000))
        conversations = SQLiteConversationStore(
            database: database, limits: Self.limits(configuration.responses),
            onLoss: { error in
                logger.error("A conversation could not be kept", metadata: ["reason": "\(error.message)"])
            })
        runs = SQLiteRunStore(
            database: database, maximumSize: configuration.runs.maxSize,
            ttl: max(1, Int(clamping: configuration.runs.ttl.components.seconds)))
        sessions = SQLiteSessionStore(
            database: database, files: store,
            artifactTTL: max(1, Int(clamping: configuration.artifacts.ttl.components.seconds)))
        idempotency = SQLiteIdempotencyStore(
            database: database, limits: Limits.idempotency(configuration.idempotency),
            onLoss: { error in
                logger.error("An answer could not be kept", metadata: ["reason": "\(error.message)"])
            })
        keys = SQLiteKeyRegistry(database: database, pepper: try KeyPepper.load(directory: dataDirectory))
        instance = Self.makeInstance()
        ledger =
            configuration.ledger.enabled
            ? Self.ledger(database, dataDirectory: dataDirectory, instance: instance, logger: logger) : nil
        ledgerDays = Int(clamping: configuration.ledger.keep.components.seconds / 86_400)
        let sniffer = try MagicSniffer()
        files = FileService(
            store: store,
            settings: FileSettings(
                maximumSize: settings.maxSize, endings: settings.extensions,
                ttl: max(1, Int(clamping: settings.ttl.components.seconds))),
            sniff: { head in await sniffer.sniff(head) },
            clock: { time(nil) },
            onEnd: Self.counting(registry))
        uploads = ResumableUploads(files, store: SQLiteUploadStore(database: database))
    }

    private static func limits(_ responses: ResponsesConfiguration) -> SQLiteConversationStore.Limits {
        .init(
            ttl: max(1, Int(clamping: responses.ttl.components.seconds)), entry: responses.maxEntry,
            total: responses.maxSize, perOwner: responses.maxPerKey)
    }

    /// A path of the configuration, which has been checked.
    static func place(_ path: String?, _ directory: String) -> String {
        let path = path ?? ""
        return path.hasPrefix("/") ? path : directory + "/" + path
    }

    /// Uploads by how they ended, under the name of the contract.
    private static func counting(_ registry: MetricsRegistry) -> @Sendable (GatehouseError.Code?) -> Void {
        { code in
            registry.counter(
                "gatehouse_uploads_total", help: "Uploads, by how they ended: kept, or the code of the error.",
                labels: [("outcome", code?.rawValue ?? "kept")]
            ).increment()
        }
    }

    /// A database that cannot be relied on any more is not written to: whoever starts this program starts it anew, and it
    /// looks at what is there.
    private static func end(_ problem: String, _ logger: Logger) {
        logger.critical("The database cannot be relied on any more; ending", metadata: ["problem": "\(problem)"])
        _exit(CommandFailure.io.rawValue)
    }

    /// Why nothing can be kept now; `nil` where it can.
    func problem() async -> String? { await database.problem() }

    // MARK: Cleaning up

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await sweep()
                try? await Task.sleep(for: Self.pause)
            }
        }
        ledger?.flush()
        try database.close()
    }

    private func sweep() async {
        do throws(GatehouseError) {
            try await uploads.sweep()
            _ = try await conversations.sweep()
            _ = try await runs.sweep()
            try await idempotency.sweep()
            try await sweepLedger()
            let found = try await store.sweep()
            guard found.isWork else { return }
            let counts: Logger.Metadata = [
                "expired": "\(found.expired)", "orphans": "\(found.orphans)", "lost": "\(found.lost)",
            ]
            if found.lost > 0 {
                logger.error("Files whose content is missing were forgotten", metadata: counts)
            } else {
                logger.info("Cleaned up files", metadata: counts)
            }
        } catch {
            guard !Task.isCancelled else { return }
            logger.error("Files could not be cleaned up", metadata: ["reason": "\(error.message)"])
        }
    }
}
