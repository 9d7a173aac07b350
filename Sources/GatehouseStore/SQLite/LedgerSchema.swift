/// The tables of the ledger and of budgets. Amounts are decimals as text; `start` is when a budget's period began. No `IN` in
/// a check: SQLite makes a table of its words anew for each row.
enum LedgerSchema {
    static let tables = """
        CREATE TABLE ledger (
            id TEXT PRIMARY KEY NOT NULL,
            time INTEGER NOT NULL,
            request TEXT NOT NULL,
            "key" TEXT NOT NULL,
            "user" TEXT,
            team TEXT,
            organization TEXT,
            operation TEXT NOT NULL,
            provider TEXT NOT NULL,
            model TEXT NOT NULL,
            account TEXT,
            attempt INTEGER NOT NULL,
            outcome TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state = 'reserved' OR state = 'settled' OR state = 'estimated'),
            input INTEGER CHECK (input >= 0),
            output INTEGER CHECK (output >= 0),
            cached INTEGER,
            cache_write INTEGER,
            cache_write_hour INTEGER,
            reasoning INTEGER,
            audio_input INTEGER,
            audio_output INTEGER,
            image_input INTEGER,
            cost TEXT,
            currency TEXT,
            reported_unit TEXT,
            reported_amount TEXT
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX ledger_by_time ON ledger (time);
        CREATE INDEX ledger_open ON ledger (id) WHERE state = 'reserved';
        CREATE TABLE budget_spent (
            budget TEXT NOT NULL,
            start INTEGER NOT NULL,
            spent TEXT NOT NULL,
            PRIMARY KEY (budget, start)
        ) STRICT;
        CREATE TABLE budget_lease (
            budget TEXT NOT NULL,
            start INTEGER NOT NULL,
            instance TEXT NOT NULL,
            amount TEXT NOT NULL,
            used TEXT NOT NULL,
            PRIMARY KEY (budget, start, instance)
        ) STRICT;
        CREATE TABLE budget_hold (
            ledger TEXT NOT NULL,
            budget TEXT NOT NULL,
            start INTEGER NOT NULL,
            instance TEXT NOT NULL,
            amount TEXT NOT NULL,
            PRIMARY KEY (ledger, budget)
        ) STRICT;
        """
}
