internal import Metadata
internal import Postgres
internal import Primitives

/// The tables of one entity in silver: the history, the stage of its changes, and what analysts query.
struct SilverTable {
    let entity: Entity
    let schema: String

    init(_ entity: Entity, schema: String) {
        self.entity = entity
        self.schema = schema
    }

    /// The unqualified name.
    var name: String { entity.id.table }
    /// The history.
    var history: SQLText { "\(table: schema, name)" }
    /// The changes of one batch, typed.
    var stage: SQLText { "\(table: "stage", name + "__silver")" }

    /// True where closed knowledge is kept: rows are superseded, not changed.
    var isBitemporal: Bool { entity.history == .bitemporal }
    /// True where a key's changes are folded into versions by their place in time, not by their batch alone.
    var folds: Bool { isBitemporal || entity.effectiveTimeColumn != nil }

    /// What makes a row the open one of its key.
    func isOpen(_ alias: String = "") -> SQLText {
        let prefix = alias.isEmpty ? "" : alias + "."
        return isBitemporal
            ? "\(verbatim: prefix)_valid_to IS NULL AND \(verbatim: prefix)_superseded_at IS NULL"
            : "\(verbatim: prefix)_valid_to IS NULL"
    }

    /// What makes a row one that is still held to be true.
    func isKnown(_ alias: String) -> SQLText { isBitemporal ? "\(verbatim: alias)._superseded_at IS NULL" : "true" }

    /// The columns behind the business columns, with their types.
    var systemColumns: [(name: String, type: String)] {
        let columns = [
            ("_key_hash", "uuid NOT NULL"), ("_scd1_hash", "uuid NOT NULL"), ("_scd2_hash", "uuid NOT NULL"),
            ("_valid_from", "timestamptz NOT NULL"), ("_valid_to", "timestamptz"),
            ("_is_current", "boolean GENERATED ALWAYS AS (\(isOpen().text)) STORED"),
            ("_is_deleted", "boolean NOT NULL"), ("_run_id", "uuid NOT NULL"),
            ("_run_timestamp", "timestamptz NOT NULL"), ("_updated_by_run_id", "uuid NOT NULL"),
            ("_created_at", "timestamptz NOT NULL"), ("_updated_at", "timestamptz NOT NULL"),
        ]
        let knowledge = [("_recorded_at", "timestamptz NOT NULL"), ("_superseded_at", "timestamptz")]
        return columns + (isBitemporal ? knowledge : [])
    }

    /// The system columns of a version, as it is copied into an empty history of an entity that folds.
    static func foldedColumns(isBitemporal: Bool) -> [String] {
        [
            "_key_hash", "_scd1_hash", "_scd2_hash", "_valid_from", "_valid_to", "_is_deleted", "_run_id",
            "_run_timestamp", "_updated_by_run_id", "_created_at", "_updated_at",
        ] + (isBitemporal ? ["_recorded_at"] : [])
    }

    /// The type of a column as DDL and as `format_type` writes it.
    static func type(of column: Column) -> String {
        switch column.type {
        case .string, .text: "text"
        case .smallint: "smallint"
        case .int: "integer"
        case .bigint: "bigint"
        case .double: "double precision"
        case .numeric(let precision?, let scale): "numeric(\(precision),\(scale ?? 0))"
        case .numeric(nil, _): "numeric"
        case .boolean: "boolean"
        case .date: "date"
        case .time: "time without time zone"
        case .timestamp: "timestamp without time zone"
        case .timestamptz: "timestamp with time zone"
        case .uuid: "uuid"
        case .json: "jsonb"
        case .binary: "bytea"
        }
    }

    /// The CHECK on the length of a `string`: named, so that it can be changed later.
    private func lengthCheck(_ column: Column) -> SQLText? {
        guard case .string(let length?) = column.type else { return nil }
        let position = entity.storedColumns.firstIndex { $0.name == column.name } ?? 0
        return SilverTable.lengthCheck(named: "\(name)_len\(position + 1)", column: column.name, length)
    }

    /// The CHECK of that name on a column's length in characters.
    static func lengthCheck(named name: String, column: String, _ length: Int) -> SQLText {
        """
        CONSTRAINT \(identifier: name) CHECK (
            length(\(identifier: column)) <= \(verbatim: String(length)))
        """
    }

    /// The history, its index and comments, the stage, the view of current rows and the function of a point in time.
    var definition: [SQLText] {
        [create, openRowIndex, createStage, currentView, asOfFunction] + comments + furtherComments
    }

    /// A history that nobody queries: no views, no comments.
    var bareDefinition: [SQLText] { [create, openRowIndex] }

    private var create: SQLText {
        var lines: [SQLText] = entity.storedColumns.map { column in
            let isRequired = column.isKey || !column.isNullable
            return
                "\(identifier: column.name) \(verbatim: SilverTable.type(of: column) + (isRequired ? " NOT NULL" : ""))"
        }
        lines += systemColumns.map { "\(identifier: $0.name) \(verbatim: $0.type)" }
        lines += entity.storedColumns.compactMap(lengthCheck)
        if isBitemporal {
            lines.append(
                "CONSTRAINT \(identifier: name + "_known") CHECK (_superseded_at > _recorded_at)")
        }
        lines += [
            primaryKey,
            "CONSTRAINT \(identifier: name + "_period") CHECK (_valid_to > _valid_from)",
            "CONSTRAINT \(identifier: name + "_ended") CHECK (NOT _is_deleted OR _valid_to IS NOT NULL)",
        ]
        // A row that is closed moves: with room on its own page no other page is touched.
        return """
            CREATE TABLE \(fragment: history) (
                \(fragment: lines.joined(separator: ",\n    "))
            ) WITH (fillfactor = 95)
            """
    }

    private var primaryKey: SQLText {
        let columns: SQLText = isBitemporal ? "_key_hash, _valid_from, _recorded_at" : "_key_hash, _valid_from"
        return "CONSTRAINT \(identifier: name + "_pk") PRIMARY KEY (\(fragment: columns))"
    }

    /// Takes the indexes away while the first rows are copied: built behind them they cost half.
    var dropIndexes: [SQLText] {
        [
            "ALTER TABLE \(fragment: history) DROP CONSTRAINT \(identifier: name + "_pk")",
            "DROP INDEX \(table: schema, name + "_open")",
        ]
    }

    /// Gives them back; a key with two open rows fails here.
    var addIndexes: [SQLText] { [addPrimaryKey, openRowIndex] }

    private var addPrimaryKey: SQLText { "ALTER TABLE \(fragment: history) ADD \(fragment: primaryKey)" }

    /// Makes the empty history ready for rows of `HistoryRow`: without indexes, and with defaults for what all rows of the
    /// batch have, which costs the server less than reading them a million times.
    func openForFirstRows(of batch: Batch, at now: Instant) -> [SQLText] {
        dropIndexes + [defaults(of: batch.run, at: now).set]
    }

    /// What all rows of a first batch have.
    private func defaults(of run: RunIdentity, at now: Instant) -> ColumnDefaults {
        var values: [(column: String, value: SQLText)] = [
            ("_valid_from", "\(literal: run.timestamp)"), ("_is_deleted", "false"),
            ("_run_id", "\(literal: run.id)"),
            ("_run_timestamp", "\(literal: run.timestamp)"),
            ("_updated_by_run_id", "\(literal: run.id)"),
            ("_created_at", "\(literal: now)"),
            ("_updated_at", "\(literal: now)"),
        ]
        if isBitemporal { values.append(("_recorded_at", "\(literal: run.timestamp)")) }
        return ColumnDefaults(table: history, values: values)
    }

    /// Takes the defaults away and gives the indexes of so many rows back; a key with two open rows fails here.
    func closeAfterFirstRows(_ rows: Int, of batch: Batch, at now: Instant) -> [SQLText] {
        [
            defaults(of: batch.run, at: now).drop, IndexBuild.settings(rows: rows), addPrimaryKey,
            IndexBuild.lastSettings(rows: rows), openRowIndex,
        ]
    }

    private var openRowIndex: SQLText {
        "CREATE UNIQUE INDEX \(identifier: name + "_open") ON \(fragment: history) (_key_hash) WHERE \(fragment: isOpen())"
    }

    /// Takes rows of `ChangeRow`.
    var copyToStage: SQLText { "COPY \(fragment: stage) FROM STDIN (FORMAT binary)" }

    /// Makes the stage.
    var createStage: SQLText {
        var lines: [SQLText] = entity.storedColumns.map {
            "\(identifier: $0.name) \(verbatim: SilverTable.type(of: $0))"
        }
        lines += ["_key_hash uuid NOT NULL", "_scd1_hash uuid NOT NULL", "_scd2_hash uuid NOT NULL"]
        lines +=
            folds
            ? [
                "_valid_from timestamptz NOT NULL", "_valid_to timestamptz", "_is_deleted boolean NOT NULL",
                "_run_id uuid NOT NULL", "_run_timestamp timestamptz NOT NULL", "_kind int NOT NULL",
                "_is_first boolean NOT NULL", "_created_at timestamptz",
            ] : ["_change text NOT NULL", "_raw_file int NOT NULL", "_record_no int NOT NULL"]
        return """
            CREATE UNLOGGED TABLE IF NOT EXISTS \(fragment: stage) (
                \(fragment: lines.joined(separator: ",\n    ")))
            """
    }

    /// The view of the current rows.
    var currentView: SQLText {
        """
        CREATE OR REPLACE VIEW \(table: schema, name + "_current") AS
        SELECT \(identifiers: entity.storedColumns.map(\.name)), _valid_from, _run_id
        FROM \(fragment: history) WHERE \(fragment: isOpen())
        """
    }

    /// Its arguments are `$1` and `$2` inside: a column of an argument's name would be taken for it.
    var asOfFunction: SQLText {
        if isBitemporal {
            let body = """
                SELECT * FROM \(history.text) WHERE _valid_from <= $1 AND (_valid_to IS NULL OR _valid_to > $1) \
                AND _recorded_at <= $2 AND (_superseded_at IS NULL OR _superseded_at > $2)
                """
            return """
                CREATE OR REPLACE FUNCTION \(table: schema, name + "_asof")(
                    valid_at timestamptz, known_at timestamptz DEFAULT 'infinity')
                RETURNS SETOF \(fragment: history) LANGUAGE sql STABLE PARALLEL SAFE AS \(literal: body)
                """
        }
        return """
            CREATE OR REPLACE FUNCTION \(table: schema, name + "_asof")(instant timestamptz)
            RETURNS SETOF \(fragment: history) LANGUAGE sql STABLE PARALLEL SAFE AS
            \(literal: "SELECT * FROM \(history.text) WHERE _valid_from <= $1 AND (_valid_to IS NULL OR _valid_to > $1)")
            """
    }

    private var comments: [SQLText] {
        var all: [SQLText] = []
        if !entity.description.isEmpty {
            all.append("COMMENT ON TABLE \(fragment: history) IS \(literal: entity.description)")
        }
        for column in entity.storedColumns {
            let text = SilverTable.comment(of: column)
            all.append("COMMENT ON COLUMN \(fragment: history).\(identifier: column.name) IS \(literal: text)")
        }
        all.append(
            """
            COMMENT ON COLUMN \(fragment: history)._valid_from IS 'Start of the half-open interval in which the row was true'
            """)
        all.append(
            "COMMENT ON COLUMN \(fragment: history)._valid_to IS 'End of that interval; NULL while the row is current'")
        return all
    }
}
