import GRDB
package import GatehouseCore
import Glibc

/// What is kept under the names of sessions: their conversations, files and runs.
package final class SQLiteSessionStore: SessionStore {
    private let database: SQLiteDatabase
    private let files: DiskFileStore
    private let artifactTTL: Int
    private let clock: @Sendable () -> Int

    /// - Parameters:
    ///   - artifactTTL: Seconds that files of agents are kept.
    ///   - clock: Seconds since 1970.
    package init(
        database: SQLiteDatabase, files: DiskFileStore, artifactTTL: Int,
        clock: @escaping @Sendable () -> Int = { time(nil) }
    ) {
        self.database = database
        self.files = files
        self.artifactTTL = artifactTTL
        self.clock = clock
    }

    /// Each part of a session, by its name: conversations have theirs behind a prefix.
    private static let parts = """
        SELECT SUBSTR(id, \(NativeHistory.prefix.utf8.count + 1)) AS name, expires AS ends, 0 AS files, 0 AS bytes, 0 AS runs
            FROM conversation WHERE owner = :owner AND id >= '\(NativeHistory.prefix)' AND id < 'session0' AND expires > :now
        UNION ALL SELECT session, NULL, 1, size, 0 FROM file
            WHERE owner = :owner AND session IS NOT NULL AND (expires IS NULL OR expires > :now)
        UNION ALL SELECT session, NULL, 0, 0, 1 FROM run WHERE owner = :owner AND session IS NOT NULL AND expires > :now
        UNION ALL SELECT session, NULL, 0, 0, 0 FROM artifact_place WHERE owner = :owner AND made > :made
        """
    private static let sums = "name, MAX(ends) AS ends, SUM(files) AS files, SUM(bytes) AS bytes, SUM(runs) AS runs"

    /// An agent has left files under this name. Told behind: what is lost of it is the name in a list, never a file.
    package func noteArtifacts(_ place: ArtifactPlace) {
        let (now, oldest) = (clock(), clock() - artifactTTL)
        database.writeBehind { db in
            try db.cachedStatement(sql: "INSERT OR REPLACE INTO artifact_place (owner, session, made) VALUES (?, ?, ?)")
                .execute(arguments: [place.owner, place.session, now])
            try db.cachedStatement(sql: "DELETE FROM artifact_place WHERE made <= ?").execute(arguments: [oldest])
        }
    }

    package func list(
        owner: String, after last: String, atMost limit: Int
    ) async throws(GatehouseError) -> [SessionSummary] {
        let (now, made) = (clock(), clock() - artifactTTL)
        await settle()
        return try await database.read { db in
            try Row.fetchAll(
                db.cachedStatement(
                    sql: """
                        SELECT \(Self.sums) FROM (\(Self.parts)) WHERE name > :last
                        GROUP BY name ORDER BY name LIMIT :limit
                        """),
                arguments: ["owner": owner, "now": now, "made": made, "last": last, "limit": limit]
            ).map(Self.summary)
        }
    }

    package func find(_ name: String, owner: String) async throws(GatehouseError) -> SessionSummary? {
        if let found = try await look(for: name, owner) { return found }
        await settle()
        return try await look(for: name, owner)
    }

    private func look(for name: String, _ owner: String) async throws(GatehouseError) -> SessionSummary? {
        let (now, made) = (clock(), clock() - artifactTTL)
        return try await database.read { db in
            try Row.fetchOne(
                db.cachedStatement(sql: "SELECT \(Self.sums) FROM (\(Self.parts)) WHERE name = :name GROUP BY name"),
                arguments: ["owner": owner, "now": now, "made": made, "name": name]
            ).map(Self.summary)
        }
    }

    /// Conversations are written behind their answers: what was told before is seen behind this, where the disk lets it.
    private func settle() async {
        try? await database.write { _ in }
    }

    private static func summary(_ row: Row) -> SessionSummary {
        SessionSummary(
            name: row["name"], transcriptEnds: row["ends"], files: row["files"], bytes: row["bytes"], runs: row["runs"])
    }

    package func delete(_ name: String, owner: String) async throws(GatehouseError) {
        let blobs = try await database.write { db in
            for (table, column, value) in [
                ("conversation", "id", NativeHistory.id(ofSession: name)), ("run", "session", name),
                ("agent_session", "session", name), ("artifact_place", "session", name),
            ] {
                try db.execute(
                    sql: "DELETE FROM \(table) WHERE owner = ? AND \(column) = ?", arguments: [owner, value])
            }
            return try String.fetchAll(
                db, sql: "DELETE FROM file WHERE owner = ? AND session = ? RETURNING blob", arguments: [owner, name])
        }
        _ = try await files.removeUnreferenced(blobs)
    }
}
