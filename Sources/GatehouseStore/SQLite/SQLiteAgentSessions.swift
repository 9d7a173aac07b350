import GRDB
package import GatehouseCore
import Glibc

/// Which of an agent's own sessions callers' sessions have become, in the database: what is in memory outlives a restart.
package final class SQLiteAgentSessions: AgentSessionJournal {
    private let database: SQLiteDatabase
    private let clock: @Sendable () -> Int

    /// - Parameter clock: Seconds since 1970.
    package init(database: SQLiteDatabase, clock: @escaping @Sendable () -> Int = { time(nil) }) {
        self.database = database
        self.clock = clock
    }

    package func load(atMost limit: Int) throws(StoreError) -> [(name: AgentSessionName, session: AgentSession)] {
        do {
            return try database.pool.read { db in
                try Row.fetchAll(
                    db, sql: "SELECT * FROM agent_session ORDER BY used DESC, rowid DESC LIMIT ?", arguments: [limit]
                ).reversed().map { row in
                    (
                        AgentSessionName(agent: row["agent"], owner: row["owner"], session: row["session"]),
                        AgentSession(
                            vendor: row["vendor"], directory: row["directory"], conversation: row["conversation"],
                            said: row["said"], answer: row["answer"])
                    )
                }
            }
        } catch {
            throw StoreError(.io, "sessions of agents", "cannot be read: \(error)")
        }
    }

    package func kept(_ session: AgentSession, as name: AgentSessionName) {
        let now = clock()
        database.writeBehind { db in
            try db.cachedStatement(
                sql: """
                    INSERT OR REPLACE INTO agent_session
                        (agent, owner, session, vendor, directory, conversation, said, answer, used)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """
            ).execute(arguments: [
                name.agent, name.owner, name.session, session.vendor, session.directory, session.conversation,
                session.said, session.answer, now,
            ])
        }
    }

    package func forgotten(_ name: AgentSessionName) {
        database.writeBehind { db in
            try db.cachedStatement(sql: "DELETE FROM agent_session WHERE agent = ? AND owner = ? AND session = ?")
                .execute(arguments: [name.agent, name.owner, name.session])
        }
    }
}
