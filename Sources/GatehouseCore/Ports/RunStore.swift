package import NIOCore

/// A call that goes on without its caller, as it is kept.
package struct RunRecord: Sendable, Equatable {
    package enum Status: String, Sendable, CaseIterable {
        case running, finished, failed, cancelled
        /// The gateway ended under it.
        case interrupted
    }

    package var id: String
    /// The name of the key it belongs to.
    package var owner: String
    package var session: String?
    /// As the caller named it.
    package var model: String
    package var status = Status.running
    /// Seconds since 1970.
    package var created: Int
    package var ended: Int?
    /// The number of its last event.
    package var last = 0

    package init(id: String, owner: String, session: String?, model: String, created: Int) {
        self.id = id
        self.owner = owner
        self.session = session
        self.model = model
        self.created = created
    }
}

/// Keeps runs and what happened in them. An owner finds its own only.
package protocol RunStore: AnyObject, Sendable {
    /// - Throws: `storage_busy`, `insufficient_storage`, `storage_unavailable`.
    func begin(_ record: RunRecord) async throws(GatehouseError)

    /// Adds events, whole ones in their order; nobody waits for it. What is too much for one run is forgotten, the oldest
    /// first.
    func append(_ events: ByteBuffer, numbers: ClosedRange<Int>, to id: String)

    /// The run is over; `onEnd` is called once that, and all that was added before, is kept.
    func end(_ record: RunRecord, onEnd: @escaping @Sendable () -> Void)

    func find(_ id: String, owner: String) async throws(GatehouseError) -> RunRecord?

    /// Runs of the native API, the newest first.
    func list(owner: String, atMost limit: Int) async throws(GatehouseError) -> [RunRecord]

    /// Some of the events behind number `last`, with the number of the last of them; `nil` where there are none.
    func events(of id: String, after last: Int) async throws(GatehouseError) -> (bytes: ByteBuffer, last: Int)?

    /// Whether there was one.
    func delete(_ id: String, owner: String) async throws(GatehouseError) -> Bool
}
