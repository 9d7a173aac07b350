import GRDB

/// The tables, as a list of steps that are only ever added to. A database that has seen a step which is not here was written
/// by a newer version, and is left alone.
enum SQLiteSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 files") { try $0.execute(sql: files) }
        migrator.registerMigration("2 conversations") { try $0.execute(sql: conversations) }
        migrator.registerMigration("3 runs") { try $0.execute(sql: runs) }
        migrator.registerMigration("4 conversations by owner") { try $0.execute(sql: conversationsByOwner) }
        migrator.registerMigration("5 keys") { try $0.execute(sql: keys) }
        migrator.registerMigration("6 ledger") { try $0.execute(sql: LedgerSchema.tables) }
        migrator.registerMigration("7 idempotency") { try $0.execute(sql: idempotency) }
        migrator.registerMigration("8 uploads") { try $0.execute(sql: uploads) }
        migrator.registerMigration("9 places of artifacts") { try $0.execute(sql: artifactPlaces) }
        return migrator
    }

    /// Times are seconds since 1970. `blob` is where the content lies below the store of files.
    private static let files = """
        CREATE TABLE file (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            session TEXT,
            name TEXT NOT NULL,
            type TEXT NOT NULL,
            size INTEGER NOT NULL CHECK (size >= 0),
            digest TEXT NOT NULL,
            blob TEXT NOT NULL,
            purpose TEXT NOT NULL,
            created INTEGER NOT NULL,
            expires INTEGER
        ) STRICT;
        CREATE INDEX file_by_owner ON file (owner, created, id);
        CREATE INDEX file_by_session ON file (owner, session, name);
        CREATE INDEX file_by_blob ON file (blob);
        CREATE INDEX file_by_end ON file (expires) WHERE expires IS NOT NULL;
        """

    /// Under which names agents left files, and when last: on the disk there are digests only.
    private static let artifactPlaces = """
        CREATE TABLE artifact_place (
            owner TEXT NOT NULL,
            session TEXT NOT NULL,
            made INTEGER NOT NULL,
            PRIMARY KEY (owner, session)
        ) STRICT;
        CREATE INDEX artifact_place_by_age ON artifact_place (made);
        """

    /// Uploads in several requests; `type` is what the caller said. Their contents are drafts below the store of files.
    private static let uploads = """
        CREATE TABLE upload (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            session TEXT,
            name TEXT NOT NULL,
            type TEXT,
            length INTEGER NOT NULL CHECK (length >= 0),
            purpose TEXT NOT NULL,
            used INTEGER NOT NULL,
            file TEXT
        ) STRICT;
        CREATE INDEX upload_by_owner ON upload (owner);
        CREATE INDEX upload_by_use ON upload (used);
        """

    /// Finds the oldest of an owner without touching bodies: what stands behind one in a row is reached through all its pages.
    private static let conversationsByOwner =
        "CREATE INDEX conversation_by_owner ON conversation (owner, used DESC, id);"

    /// Keys that callers show, whom they belong to, and who changed what. Nothing here is ever removed, so that no name and
    /// no id comes to another: what a key keeps here is kept under its name. `digest` is keyed by a secret that is not here.
    /// `settings` is JSON. `revision` grows with every change, whichever process makes it.
    private static let keys = """
        CREATE TABLE key_name (
            name TEXT PRIMARY KEY,
            is_stored INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE party (
            id TEXT PRIMARY KEY,
            kind TEXT NOT NULL CHECK (kind IN ('user', 'team', 'organization')),
            name TEXT NOT NULL,
            team TEXT REFERENCES party (id),
            organization TEXT REFERENCES party (id),
            is_service INTEGER NOT NULL,
            created INTEGER NOT NULL,
            deleted INTEGER,
            UNIQUE (kind, name)
        ) STRICT;
        CREATE TABLE virtual_key (
            id TEXT PRIMARY KEY,
            name TEXT NOT NULL UNIQUE REFERENCES key_name (name),
            prefix TEXT NOT NULL,
            digest BLOB NOT NULL UNIQUE,
            settings TEXT NOT NULL,
            user TEXT REFERENCES party (id),
            team TEXT REFERENCES party (id),
            organization TEXT REFERENCES party (id),
            created INTEGER NOT NULL,
            revoked INTEGER
        ) STRICT;
        CREATE INDEX virtual_key_by_prefix ON virtual_key (prefix);
        CREATE TABLE audit (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            time INTEGER NOT NULL,
            author TEXT NOT NULL,
            address TEXT,
            action TEXT NOT NULL,
            subject TEXT NOT NULL,
            name TEXT NOT NULL,
            details TEXT NOT NULL
        ) STRICT;
        CREATE TABLE key_revision (only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL) STRICT;
        INSERT INTO key_revision VALUES (1, 0);
        """

    /// Calls by the names that their callers gave them. `head` is there once it ended, `body` where its answer is kept.
    private static let idempotency = """
        CREATE TABLE idempotency (
            owner TEXT NOT NULL,
            key TEXT NOT NULL,
            digest BLOB NOT NULL,
            head BLOB,
            body BLOB,
            expires INTEGER NOT NULL,
            PRIMARY KEY (owner, key)
        ) STRICT;
        CREATE INDEX idempotency_by_end ON idempotency (expires);
        """

    /// `body` holds the events from number `first` to number `last`, as they were sent.
    private static let runs = """
        CREATE TABLE run (
            id TEXT PRIMARY KEY,
            owner TEXT NOT NULL,
            session TEXT,
            model TEXT NOT NULL,
            status TEXT NOT NULL,
            created INTEGER NOT NULL,
            ended INTEGER,
            last INTEGER NOT NULL,
            expires INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX run_by_owner ON run (owner, created);
        CREATE INDEX run_by_end ON run (expires);
        CREATE TABLE run_event (
            run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            body BLOB NOT NULL,
            PRIMARY KEY (run, first)
        ) STRICT;
        """

    /// What callers go on from: conversations by the answer that ended them, and agents' own sessions by the callers'.
    private static let conversations = """
        CREATE TABLE conversation (
            owner TEXT NOT NULL,
            id TEXT NOT NULL,
            body BLOB NOT NULL,
            expires INTEGER NOT NULL,
            used INTEGER NOT NULL,
            PRIMARY KEY (owner, id)
        ) STRICT;
        CREATE INDEX conversation_by_end ON conversation (expires);
        CREATE INDEX conversation_by_use ON conversation (used);
        CREATE TABLE agent_session (
            agent TEXT NOT NULL,
            owner TEXT NOT NULL,
            session TEXT NOT NULL,
            vendor TEXT NOT NULL,
            directory TEXT NOT NULL,
            conversation TEXT NOT NULL,
            said TEXT NOT NULL,
            answer TEXT NOT NULL,
            used INTEGER NOT NULL,
            PRIMARY KEY (agent, owner, session)
        ) STRICT;
        CREATE INDEX agent_session_by_use ON agent_session (used);
        """
}
