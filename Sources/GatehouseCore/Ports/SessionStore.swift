/// What there is of a caller's session.
package struct SessionSummary: Sendable, Equatable {
    package var name: String
    /// Its conversation is kept, until when in seconds since 1970.
    package var transcriptEnds: Int?
    package var files: Int
    package var bytes: Int
    package var runs: Int

    package init(name: String, transcriptEnds: Int?, files: Int, bytes: Int, runs: Int) {
        self.name = name
        self.transcriptEnds = transcriptEnds
        self.files = files
        self.bytes = bytes
        self.runs = runs
    }
}

/// What is kept under the names of sessions. An owner finds its own only.
package protocol SessionStore: AnyObject, Sendable {
    /// In the order of their names, behind `last`.
    func list(owner: String, after last: String, atMost limit: Int) async throws(GatehouseError) -> [SessionSummary]

    /// `nil` where there is nothing under this name.
    func find(_ name: String, owner: String) async throws(GatehouseError) -> SessionSummary?

    /// Removes all that is kept under a name; contents are gone from the disk when this returns.
    func delete(_ name: String, owner: String) async throws(GatehouseError)
}
