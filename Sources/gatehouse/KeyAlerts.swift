import GatehouseCore
import GatehouseEngine
import Logging

/// What the operator reads of providers' keys.
enum KeyAlerts {
    static func logging(_ logger: Logger) -> @Sendable (KeyAlert) -> Void {
        { alert in
            var metadata: Logger.Metadata = ["provider": "\(alert.provider)", "key": "\(alert.key)"]
            guard let failure = alert.failure else {
                return logger.notice("A provider takes this key again", metadata: metadata)
            }
            metadata["failure"] = "\(failure.kind.label)"
            logger.error("A provider refuses this key: it is left out until a trial succeeds", metadata: metadata)
        }
    }
}
