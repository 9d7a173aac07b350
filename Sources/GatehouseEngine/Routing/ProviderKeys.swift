package import GatehouseCore
import Synchronization

/// The keys of one provider, for all its deployments: which of them the provider refuses.
///
/// A key that was refused is retired and the operator told; now and then one call tries it again. What is only too fast
/// for one model rests at that deployment.
package final class ProviderKeys: Sendable {
    package let provider: String
    /// As the configuration has them; one nameless key where there are none.
    package let names: [String]
    private let ring: Mutex<KeyRing>
    /// How many are retired: calls look at this first, and mostly at nothing else.
    private let retired = Atomic<Int>(0)
    private let alert: @Sendable (KeyAlert) -> Void

    init(provider: String, names: [String], alert: @escaping @Sendable (KeyAlert) -> Void) {
        self.provider = provider
        self.names = names.isEmpty ? [""] : names
        self.alert = alert
        ring = Mutex(KeyRing(count: max(1, names.count)))
    }

    package func name(of key: Int) -> String { names.indices.contains(key) ? names[key] : "" }

    /// Whether a key may be used now; a retired one is lent for a trial when that is due.
    func lend(_ key: Int, now: Instant) -> Bool {
        hasRetired ? ring.withLock { $0.lend(key, now: now) } : true
    }

    private var hasRetired: Bool { retired.load(ordering: .relaxed) > 0 }

    /// Those that the provider refuses, and that are not due for a trial.
    func refused(now: Instant) -> Positions {
        var refused = Positions()
        guard hasRetired else { return refused }
        ring.withLock { ring in
            for key in 0..<ring.count {
                if case .retired(let trial) = ring.state(of: key, now: now), trial > now { refused.insert(key) }
            }
        }
        return refused
    }

    func retire(_ key: Int, _ failure: Failure, now: Instant) {
        guard change({ $0.retire(key, now: now) }) else { return }
        alert(KeyAlert(provider: provider, key: name(of: key), failure: failure))
    }

    func worked(_ key: Int) {
        guard hasRetired, change({ $0.worked(key) }) else { return }
        alert(KeyAlert(provider: provider, key: name(of: key), failure: nil))
    }

    /// Whether the provider refuses it.
    package func isRetired(_ key: Int, now: Instant) -> Bool {
        ring.withLock { ring in
            if case .retired = ring.state(of: key, now: now) { true } else { false }
        }
    }

    package func reset() {
        change { $0.reset() }
    }

    private func change<Result>(_ body: (inout KeyRing) -> Result) -> Result {
        ring.withLock { ring in
            let result = body(&ring)
            retired.store(ring.retiredCount, ordering: .relaxed)
            return result
        }
    }
}

/// News of a provider's key for the operator.
package struct KeyAlert: Sendable {
    package var provider: String
    package var key: String
    /// Why it was taken out; `nil`: it works again.
    package var failure: Failure?
}
