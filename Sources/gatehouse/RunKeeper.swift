import GatehouseCore
import GatehouseEngine
import GatehouseStore
import Glibc
import Logging
import ServiceLifecycle

/// Looks after runs: those of an earlier process are over, those of this one are brought to the store once a second, and
/// at the end they may end.
struct RunKeeper: Service {
    let runs: RunService
    let store: SQLiteRunStore
    let logger: Logger

    func run() async throws {
        await interruptFormer()
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                runs.save()
                try? await Task.sleep(for: .seconds(1))
            }
        }
        while runs.count > 0, !Task.isCancelled {
            runs.save()
            try? await Task.sleep(for: .milliseconds(50))
        }
        runs.save()
    }

    private func interruptFormer() async {
        do throws(GatehouseError) {
            let now = Int(time(nil))
            let count = try await store.interrupt { id, number in RunService.interruption(id, number, at: now) }
            if count > 0 {
                logger.warning("Runs of an earlier process were interrupted", metadata: ["runs": "\(count)"])
            }
        } catch {
            logger.error("Runs of an earlier process could not be looked at", metadata: ["reason": "\(error.message)"])
        }
    }
}
