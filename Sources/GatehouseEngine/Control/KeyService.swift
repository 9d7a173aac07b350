package import GatehouseCore

/// The keys of the store for those who administer them: what is changed is in force when it is told to be.
package struct KeyService: Sendable {
    private let directory: KeyDirectory
    private let snapshots: SnapshotHolder

    package init(_ directory: KeyDirectory, _ snapshots: SnapshotHolder) {
        self.directory = directory
        self.snapshots = snapshots
    }

    package var registry: any KeyRegistry { directory.registry }

    /// Puts in force what was changed, here or by another process.
    package func refresh() async throws(GatehouseError) {
        guard try await directory.refresh() else { return }
        snapshots.update { $0.replacing(keys: directory.keys) }
    }

    /// Changes something and puts it in force. It is kept when `work` returns: where it cannot be read back now, it is at
    /// the next look.
    package func change<Value: Sendable>(
        _ work: (any KeyRegistry) async throws(GatehouseError) -> Value
    ) async throws(GatehouseError) -> Value {
        let value = try await work(directory.registry)
        do throws(GatehouseError) { try await refresh() } catch {}
        return value
    }
}
