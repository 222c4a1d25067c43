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
        let documents = try await RefillDocuments(of: entity, in: bronze, on: writer)
        for column in work.refilled where work.moved.contains(column.name) {
            if try await !isPresent(column, in: documents.last, on: writer) { outcome.kept.append(column.name) }
        }
        let sources = documents.sources(of: work.refilled.filter { !outcome.kept.contains($0.name) }, moved: work.moved)
        outcome.columns = sources.flatMap(\.columns).map(\.name)
        try await forgetMissing(outcome.columns.filter(work.moved.contains), on: writer)
        try await writer.execute("DROP TABLE IF EXISTS \(fragment: stage)")
        try await writer.execute(
            """
            CREATE UNLOGGED TABLE \(fragment: stage) AS
            SELECT \(identifiers: ["_key_hash", "_scd1_hash", "_scd2_hash"] + outcome.columns)
            FROM \(fragment: table.history) WITH NO DATA
            """)
        let (rows, unreadable) = try await copy(sources, step: step, on: writer)
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

    /// Batches that lacked a column where it stood before need not lack it where it stands now.
    private func forgetMissing(_ columns: [String], on writer: PostgresConnection) async throws {
        for column in columns {
            try await writer.execute(
                """
                UPDATE audit.raw_batch SET missing_columns = array_remove(missing_columns, \(column))
                WHERE system_id = \(entity.id.system.rawValue) AND entity_name = \(entity.id.name)
                    AND \(column) = ANY (missing_columns)
                """)
        }
    }

    // MARK: Documents

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
        _ sources: [RefillDocuments.Source], step: Step, on writer: PostgresConnection
    ) async throws -> (rows: Int, unreadable: Int) {
        let stored = entity.storedColumns.map { "t.\(identifier: $0.name)" as SQLText }
        let aliases = sources.indices.map { (place: "n\($0)", document: "b\($0)") }
        let documents = aliases.map { ", \(identifier: $0.document).doc::text" as SQLText }
        let joins = zip(sources, aliases).map { source, alias -> SQLText in
            let (n, b): (SQLText, SQLText) = ("\(identifier: alias.place)", "\(identifier: alias.document)")
            return """
                LEFT JOIN (\(fragment: source.documents)) \(fragment: n) ON \(fragment: n)._key_hash = t._key_hash
                LEFT JOIN \(fragment: bronze.log) \(fragment: b) ON \(fragment: b)._key_hash = \(fragment: n)._key_hash
                    AND \(fragment: b)._run_timestamp = \(fragment: n)._run_timestamp
                    AND \(fragment: b)._raw_file = \(fragment: n)._raw_file
                    AND \(fragment: b)._record_no = \(fragment: n)._record_no
                """
        }
        return try await pool.withConnection { source in
            try await source.beginCopyOut(
                """
                COPY (SELECT t._key_hash, \(fragment: stored.joined(separator: ", "))\(fragment: documents.joined(separator: ""))
                    FROM \(fragment: table.history) t \(fragment: joins.joined(separator: " "))
                    WHERE \(fragment: table.isOpen("t"))) TO STDOUT (FORMAT binary)
                """)
            try await writer.beginCopyIn("COPY \(fragment: stage) FROM STDIN (FORMAT binary)")
            var refiller = RowRefiller(entity, sources.map(\.columns), timezone: timezone)
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
