internal import Metadata
internal import Postgres
internal import Primitives

/// Brings the open rows of an entity to changed definitions: reads the columns concerned again from the rows' last
/// documents, and hashes the rows anew, in place. So a change of the metadata makes no versions.
///
/// Closed rows are the past: they keep their values and hashes, which nothing compares any more.
struct Refill {
    private let entity: Entity
    private let pool: PostgresPool
    private let table: SilverTable
    private let bronze: BronzeTable
    private let wanted: EntityShape
    private let timezone: String

    init(_ entity: Entity, of system: SourceSystem, pool: PostgresPool) {
        self.entity = entity
        self.pool = pool
        table = SilverTable(entity, schema: system.schemas.silver)
        bronze = BronzeTable(entity, schema: system.schemas.bronze)
        wanted = EntityShape(of: entity, timezone: system.timezone)
        timezone = system.timezone
    }

    /// True where the definitions are not those by which the rows were written.
    func isDue() async throws -> Bool { try await recorded() != nil }

    private func recorded() async throws -> RecordedShape? {
        let known = try await pool.withConnection { try await RecordedShape.read([entity.id], on: $0) }[entity.id]
        return known.flatMap { $0.hash != wanted.hash ? $0 : nil }
    }

    /// Does it where it is due, in one transaction with its record.
    func apply(step: Step) async throws {
        guard let recorded = try await recorded() else { return }
        let work =
            RefillWork(from: recorded.shape, to: entity, wanted) ?? RefillWork(refilled: [], moved: [])
        try await pool.withConnection { writer in
            try await writer.transaction {
                let outcome = try await refill(work, step: step, on: writer)
                if outcome.rows > 0 {
                    try await record(outcome, step: step, on: writer)
                    step.notice("\(outcome.title); see audit.schema_change")
                }
                try await RecordedShape(wanted).write(for: entity.id, at: step.now, on: writer)
                try await step.checkFence(on: writer)
            }
        }
    }

    /// What came of it.
    private struct Outcome {
        var rows = 0
        var changed = 0
        var unreadable = 0
        var columns: [String] = []
        var kept: [String] = []

        var title: String {
            let what = columns.isEmpty ? "hashed anew" : "read again from their last documents and hashed anew"
            var text = "\(rows) open rows \(what), \(changed) of them changed"
            if !kept.isEmpty {
                text += "; no document has \(kept.joined(separator: ", ")) at its new path, values kept"
            }
            if unreadable > 0 { text += "; \(unreadable) documents do not fit the new definitions, values kept" }
            return text
        }
    }

    private func record(_ outcome: Outcome, step: Step, on writer: PostgresConnection) async throws {
        try await writer.execute(
            """
            INSERT INTO audit.schema_change (system_id, entity_name, recorded_at, run_id, change, column_name, detail)
            VALUES (\(entity.id.system.rawValue), \(entity.id.name), \(step.now), \(step.run.id),
                \(SchemaChange.Kind.refilled.rawValue), \(outcome.columns.joined(separator: ", ")), \(outcome.title))
            ON CONFLICT DO NOTHING
            """)
    }

    private var stage: SQLText { "\(table: "stage", table.name + "__refill")" }

    private func refill(_ work: RefillWork, step: Step, on writer: PostgresConnection) async throws -> Outcome {
        var outcome = Outcome()
        let documents = try await lastDocuments(on: writer)
        for column in work.refilled where work.moved.contains(column.name) {
            if try await !isPresent(column, in: documents, on: writer) { outcome.kept.append(column.name) }
        }
        let columns = work.refilled.filter { !outcome.kept.contains($0.name) }
        outcome.columns = columns.map(\.name)
        try await writer.execute("DROP TABLE IF EXISTS \(fragment: stage)")
        try await writer.execute(
            """
            CREATE UNLOGGED TABLE \(fragment: stage) AS
            SELECT \(identifiers: ["_key_hash", "_scd1_hash", "_scd2_hash"] + outcome.columns)
            FROM \(fragment: table.history) WITH NO DATA
            """)
        let (rows, unreadable) = try await copy(columns, documents, step: step, on: writer)
        (outcome.rows, outcome.unreadable) = (rows, unreadable)
        if rows > 5_000 { try await writer.execute("ANALYZE \(fragment: stage) (_key_hash)") }
        let assigned = ["_scd1_hash", "_scd2_hash"] + outcome.columns
        let assignments = assigned.map { "\(identifier: $0) = r.\(identifier: $0)" as SQLText }
        let differs = assigned.map { "t.\(identifier: $0) IS DISTINCT FROM r.\(identifier: $0)" as SQLText }
        outcome.changed = try await writer.execute(
            """
            UPDATE \(fragment: table.history) t SET \(fragment: assignments.joined(separator: ", ")), _updated_at = \(step.now)
            FROM \(fragment: stage) r
            WHERE r._key_hash = t._key_hash AND \(fragment: table.isOpen("t"))
                AND (\(fragment: differs.joined(separator: " OR ")))
            """)
        try await writer.execute("DROP TABLE \(fragment: stage)")
        return outcome
    }

    // MARK: Documents

    /// Where the document of each open row stands in bronze: the newest change of its key that silver has applied.
    ///
    /// `append` keeps the first document of a key. Text, not parameters: COPY takes none.
    private func lastDocuments(on connection: PostgresConnection) async throws -> SQLText {
        let merged = try await connection.query(
            """
            SELECT max(run_timestamp) FROM audit.raw_batch WHERE state = 'merged'
                AND system_id = \(entity.id.system.rawValue) AND entity_name = \(entity.id.name)
            """)[0].get(0, as: Instant?.self)
        let rejected: SQLText =
            """
            AND NOT EXISTS (SELECT FROM audit.rejected_record r WHERE r.run_id = b._run_id AND r.layer = 'silver'
                AND r.system_id = \(literal: entity.id.system.rawValue) AND r.entity_name = \(literal: entity.id.name)
                AND r.raw_file = b._raw_file AND r.record_no = b._record_no)
            """
        let rejects = entity.storedColumns.contains { $0.role == .fixed } || entity.lateArrivals == .reject
        let order: SQLText = entity.history == .append ? "ASC" : "DESC"
        // What came before the entity had an effective time counts from its batch's instant, as in the merge.
        let position: SQLText =
            entity.effectiveTimeColumn == nil
            ? "" : "coalesce(_applies_at, _run_timestamp) DESC, _order DESC NULLS LAST,"
        return """
            SELECT DISTINCT ON (_key_hash) _key_hash, _run_timestamp, _raw_file, _record_no
            FROM \(fragment: bronze.log) b
            WHERE _change <> 'delete' AND doc IS NOT NULL
                AND _run_timestamp <= \(literal: (merged ?? Instant(microseconds: 0)))
                \(fragment: rejects ? rejected : "")
            ORDER BY _key_hash, \(fragment: position) _run_timestamp \(fragment: order),
                _raw_file \(fragment: order), _record_no \(fragment: order)
            """
    }

    private func isPresent(
        _ column: Column, in documents: SQLText, on connection: PostgresConnection
    ) async throws -> Bool {
        try await connection.query(
            """
            SELECT EXISTS (SELECT FROM (\(fragment: documents)) n JOIN \(fragment: bronze.log) b
                USING (_key_hash, _run_timestamp, _raw_file, _record_no) WHERE b.doc #> \(column.path) IS NOT NULL)
            """)[0].get(0)
    }

    /// Streams open rows and their documents through, and stages what the rows are to be.
    ///
    /// Two connections, as in the merge: what is read is committed, and one cannot copy out and in at once.
    private func copy(
        _ columns: [Column], _ documents: SQLText, step: Step, on writer: PostgresConnection
    ) async throws -> (rows: Int, unreadable: Int) {
        let stored = entity.storedColumns.map { "t.\(identifier: $0.name)" as SQLText }
        let isJoined = !columns.isEmpty
        let join: SQLText = """
            LEFT JOIN (\(fragment: documents)) n ON n._key_hash = t._key_hash
            LEFT JOIN \(fragment: bronze.log) b ON b._key_hash = n._key_hash AND b._run_timestamp = n._run_timestamp
                AND b._raw_file = n._raw_file AND b._record_no = n._record_no
            """
        return try await pool.withConnection { source in
            try await source.beginCopyOut(
                """
                COPY (SELECT t._key_hash, \(fragment: stored.joined(separator: ", ")),
                        \(fragment: isJoined ? "b.doc::text" : "NULL::text")
                    FROM \(fragment: table.history) t \(fragment: isJoined ? join : "")
                    WHERE \(fragment: table.isOpen("t"))) TO STDOUT (FORMAT binary)
                """)
            try await writer.beginCopyIn("COPY \(fragment: stage) FROM STDIN (FORMAT binary)")
            var refiller = RowRefiller(entity, columns, timezone: timezone)
            while let chunk = try await source.nextCopyChunk() {
                refiller.add(chunk)
                if refiller.buffer.needsFlush {
                    try await writer.putCopyData(&refiller.buffer)
                    try Task.checkCancellation()
                }
            }
            refiller.buffer.finish()
            try await writer.putCopyData(&refiller.buffer)
            try await writer.endCopyIn()
            return (refiller.rows, refiller.unreadable)
        }
    }
}
