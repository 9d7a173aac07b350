import GatehouseCore
import GatehouseEngine
import GatehouseStore
import Logging
import ServiceLifecycle

/// The keys of the configuration beside those of the store.
extension Composition {
    /// The directory as it is at the start: nobody may be served before it is known which keys were revoked.
    func keyDirectory(_ registry: any KeyRegistry) async throws -> KeyDirectory {
        let directory = KeyDirectory(registry)
        try await claimNames(configuration, directory)
        do throws(GatehouseError) {
            _ = try await directory.refresh()
        } catch {
            throw StoreError(.io, "keys", "cannot be read: \(error.message)")
        }
        return directory
    }

    /// Puts the configuration's keys into the directory.
    ///
    /// - Throws: `StartProblem` where one has the name of a key of the store.
    func claimNames(_ configuration: GatehouseConfiguration, _ directory: KeyDirectory) async throws {
        let names = [AdminKeyFile.keyName] + configuration.keys.map(\.name)
        if let taken = try await directory.registry.claim(names).first {
            let place = configuration.keys.firstIndex { $0.name == taken }.map { "keys[\($0)].name" } ?? "keys"
            throw StartProblem(
                setting: place, message: "\"\(taken)\" is the name of a key in the store, or was; choose another")
        }
        let keys = configuration.keys.map { (key: $0.virtualKey, token: $0.value) }
        directory.configure(
            MemoryKeyStore(keys + [(key: AdminKeyFile.virtualKey, token: adminKey)]), names: names)
    }

    /// As `claimNames` for a configuration that comes later: where it cannot be, what is in force stays.
    func take(namesOf configuration: GatehouseConfiguration, _ directory: KeyDirectory) async -> Bool {
        do {
            try await claimNames(configuration, directory)
            return true
        } catch {
            let problem = (error as? StartProblem).map { "\($0.setting): \($0.message)" } ?? "\(error)"
            logger.error("Configuration not reloaded", metadata: ["problem": "\(problem)"])
            return false
        }
    }
}

/// Looks for changes of the store's keys that another process made, and ends the runs of keys that have ended.
struct KeyWatch: Service {
    /// A key that is revoked elsewhere is used no longer than this, and the time of one look.
    private static let pause = Duration.milliseconds(250)

    let keys: KeyService
    let runs: RunService
    let snapshots: SnapshotHolder
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            var isBlind = false
            while !Task.isCancelled {
                try? await Task.sleep(for: Self.pause)
                isBlind = await look(isBlind)
                runs.endThose(notOf: snapshots.snapshot.keys)
            }
        }
    }

    /// - Returns: Whether nothing could be seen; it is told once.
    private func look(_ wasBlind: Bool) async -> Bool {
        do throws(GatehouseError) {
            try await keys.refresh()
            if wasBlind { logger.notice("Keys can be read again") }
            return false
        } catch {
            if !wasBlind, !Task.isCancelled {
                logger.error(
                    "Keys cannot be read: those of the last look stay in force",
                    metadata: ["reason": "\(error.message)"])
            }
            return true
        }
    }
}
