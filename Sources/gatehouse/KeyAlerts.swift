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

    /// And of agents' accounts.
    static func loggingAccounts(_ logger: Logger) -> @Sendable (AccountAlert) -> Void {
        { alert in
            let metadata: Logger.Metadata = ["agent": "\(alert.agent)", "account": "\(alert.account)"]
            if alert.isSignedOut {
                logger.error("An agent's account is not logged in: it is left out until it is", metadata: metadata)
            } else {
                logger.notice("An agent's account is logged in again", metadata: metadata)
            }
        }
    }
}
