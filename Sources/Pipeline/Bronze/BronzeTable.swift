internal import Metadata
internal import Postgres
internal import Primitives

/// The tables of one entity in bronze: the log of changes, the last change of each key, and the stage.
struct BronzeTable {
    let entity: Entity
    private let schema: String

    init(_ entity: Entity, schema: String) {
        self.entity = entity
        self.schema = schema
    }

    /// The append-only log.
    var log: SQLText { "\(table: schema, entity.id.table)" }
    /// The last change of each key: see `LastChanges`.
    var last: SQLText { "\(table: schema, entity.id.table + "__last")" }
    /// The index of the log's key.
    var key: SQLText { "\(table: schema, entity.id.table + "_pkey")" }
    /// What a batch brings, before anything is decided.
    var stage: SQLText { "\(table: "stage", entity.id.table + "__bronze")" }

    /// The parents that a batch of an exploded entity tells in full.
    var scopes: SQLText { "\(table: "stage", entity.id.table + "__scopes")" }

    private var primaryKey: SQLText {
        """
        CONSTRAINT \(identifier: entity.id.table + "_pkey") PRIMARY KEY (_key_hash, _run_timestamp, _raw_file, _record_no)
        """
    }

    private var lastKey: SQLText {
        "CONSTRAINT \(identifier: entity.id.table + "__last_pk") PRIMARY KEY (_key_hash)"
    }

    /// Makes the empty log ready for its first rows: its key is built behind them at half the cost.
    ///
    /// The index of runs leaves the first batch out: its rows are all there are, so that it is found without an index, and
    /// neither its rows nor their sorting cost anything.
    func openForFirstRows(of batch: Batch) -> [SQLText] {
        [
            "ALTER TABLE \(fragment: log) DROP CONSTRAINT \(identifier: entity.id.table + "_pkey")",
            "DROP INDEX IF EXISTS \(table: schema, entity.id.table + "_run")",
            "\(fragment: runIndex) WHERE _run_timestamp > \(literal: batch.run.timestamp)",
        ]
    }

    /// True where the log tells every last change. It does not tell scopes.
    var isLastInLog: Bool { entity.fullScope == nil && entity.explosion == nil }

    private var runIndex: SQLText {
        "CREATE INDEX IF NOT EXISTS \(identifier: entity.id.table + "_run") ON \(fragment: log) (_run_timestamp)"
    }

    /// Takes rows of `LogRow`.
    func copyToLog(_ columns: [String]) -> SQLText {
        "COPY \(fragment: log) (\(identifiers: columns)) FROM STDIN (FORMAT binary)"
    }

    /// What the log itself fills in while a first batch is copied.
    func logDefaults(_ common: CommonValues) -> ColumnDefaults {
        var values: [(column: String, value: SQLText)] = [
            ("_run_id", "\(literal: common.run.id)"), ("_run_timestamp", "\(literal: common.run.timestamp)"),
        ]
        if let change = common.change { values.append(("_change", "\(literal: change.rawValue)")) }
        if let file = common.file { values.append(("_raw_file", "\(verbatim: String(file))")) }
        return ColumnDefaults(table: log, values: values)
    }

    /// Makes the empty table of last changes ready for its first rows.
    var openLastForFirstRows: [SQLText] {
        [
            "ALTER TABLE \(fragment: last) DROP CONSTRAINT \(identifier: entity.id.table + "__last_pk")",
            "DROP INDEX IF EXISTS \(table: schema, entity.id.table + "__scope")",
        ]
    }

    /// Gives the log of so many rows its primary key back.
    func closeAfterFirstRows(_ rows: Int) -> [SQLText] {
        [IndexBuild.settings(rows: rows), "ALTER TABLE \(fragment: log) ADD \(fragment: primaryKey)"]
    }

    /// Gives the table of last changes its indexes back.
    var closeLastAfterFirstRows: [SQLText] {
        ["ALTER TABLE \(fragment: last) ADD \(fragment: lastKey)"] + scopeIndex
    }

    /// Makes the tables that do not exist yet; one statement each.
    var definition: [SQLText] {
        let name = entity.id.table
        let document = entity.documentStorage.rawValue
        return [
            """
            CREATE TABLE IF NOT EXISTS \(fragment: log) (
                _key_hash uuid NOT NULL, _doc_hash uuid, _change text NOT NULL, _effective_at timestamptz,
                _run_id uuid NOT NULL, _run_timestamp timestamptz NOT NULL, _raw_file int NOT NULL,
                _record_no int NOT NULL, doc \(verbatim: document), _applies_at timestamptz, _order bytea,
                \(fragment: primaryKey),
                CONSTRAINT \(identifier: name + "_change") CHECK (_change IN ('upsert', 'delete', 'restore')))
            """,
            runIndex,
            """
            CREATE \(verbatim: isLastInLog ? "UNLOGGED " : "")TABLE IF NOT EXISTS \(fragment: last) (
                _key_hash uuid NOT NULL, _doc_hash uuid, _run_timestamp timestamptz NOT NULL,
                _is_deleted boolean NOT NULL, _by_absence boolean NOT NULL, _effective_at timestamptz,
                _applies_at timestamptz, _order bytea, _scope uuid,
                \(fragment: lastKey)) WITH (fillfactor = 85)
            """,
            createStage,
        ] + scopeIndex + [
            """
            COMMENT ON COLUMN \(fragment: log)._applies_at IS 'With an effective time: from when the change counts'
            """,
            """
            COMMENT ON TABLE \(fragment: log) IS \(literal: "Changes of \(entity.id), oldest first by _run_timestamp")
            """,
        ] + columnComments
    }

    /// Finds what is live below a parent; only an exploded entity asks for it.
    private var scopeIndex: [SQLText] {
        guard entity.explosion != nil else { return [] }
        return [
            "CREATE INDEX IF NOT EXISTS \(identifier: entity.id.table + "__scope") ON \(fragment: last) (_scope)"
        ]
    }

    /// Makes the table of parents.
    var createScopes: SQLText {
        """
        CREATE UNLOGGED TABLE IF NOT EXISTS \(fragment: scopes) (
            _scope uuid NOT NULL, _parent bigint NOT NULL, _order bytea, _first bigint NOT NULL, _end bigint NOT NULL)
        """
    }

    /// Makes the stage.
    var createStage: SQLText {
        """
        CREATE UNLOGGED TABLE IF NOT EXISTS \(fragment: stage) (
            _key_hash uuid NOT NULL, _ordinal bigint NOT NULL, _doc_hash uuid NOT NULL, _order bytea,
            _raw_file int NOT NULL, _record_no int NOT NULL, _is_delete boolean NOT NULL,
            _effective_at timestamptz, _scope uuid, _reject_column text, _reject_reason text, _excerpt text)
        """
    }

    /// Gives tables that an earlier version made the columns that came later.
    var upgrade: [SQLText] {
        [
            """
            ALTER TABLE \(fragment: log) ADD COLUMN IF NOT EXISTS _applies_at timestamptz,
                ADD COLUMN IF NOT EXISTS _order bytea
            """,
            """
            ALTER TABLE \(fragment: last) ADD COLUMN IF NOT EXISTS _effective_at timestamptz,
                ADD COLUMN IF NOT EXISTS _applies_at timestamptz, ADD COLUMN IF NOT EXISTS _order bytea,
                ADD COLUMN IF NOT EXISTS _scope uuid
            """,
        ]
    }
}
