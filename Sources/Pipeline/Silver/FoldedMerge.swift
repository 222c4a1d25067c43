internal import Metadata
internal import Postgres
internal import Primitives

/// The merge of entities with an effective time or two times: changes are folded into versions by their place in time.
///
/// A key whose changes all come behind what is known of it becomes a chain that goes on from its open row. A key that a
/// change comes late for is derived again from all its bronze changes, so that any order of arrival ends in the same
/// table; so is every touched key of a bitemporal entity, and of one whose rules look back.
struct FoldedMerge {
    let batch: Batch
    let bronze: BronzeTable
    let table: SilverTable
    let timezone: String
    let step: Step

    private var entity: Entity { table.entity }
    private var log: SQLText { bronze.log }

    /// From when a change counts.
    private func position(_ alias: String) -> SQLText {
        entity.effectiveTimeColumn == nil
            ? "\(verbatim: alias)._run_timestamp"
            : "coalesce(\(verbatim: alias)._applies_at, \(verbatim: alias)._run_timestamp)"
    }
    private var instant: SQLText { "\(literal: batch.run.timestamp)" }

    /// Rules that compare a change with the one before it, wherever that came from.
    private var looksBack: Bool {
        entity.history == .bitemporal || !batch.missingColumns.isEmpty
            || !fixedColumns.isEmpty
    }

    private var fixedColumns: [Column] {
        entity.storedColumns.filter { !$0.isKey && entity.role(of: $0) == .fixed }
    }

    /// Merges the batch, within the writer's transaction; `source` reads bronze, within one of its own.
    func run(from source: PostgresConnection, on writer: PostgresConnection) async throws -> RowCounts {
        let missing = try await missingColumns(on: writer)
        let isEmpty = try await writer.query("SELECT 1 FROM \(fragment: table.history) LIMIT 1").isEmpty
        try await source.execute("SET LOCAL random_page_cost = 1.1")
        let isFirst = try await source.query(
            "SELECT 1 FROM \(fragment: log) WHERE _run_timestamp < \(batch.run.timestamp) LIMIT 1"
        ).isEmpty
        if isEmpty, isFirst { return try await fill(missing, from: source, on: writer) }
        return try await fold(missing, from: source, on: writer)
    }

    private func fill(
        _ missing: [UUIDValue: [String]], from source: PostgresConnection,
        on writer: PostgresConnection
    ) async throws -> RowCounts {
        try await EmptyTable.clear(table.history, on: writer)
        for statement in table.dropIndexes { try await writer.execute(statement) }
        let columns =
            entity.storedColumns.map(\.name) + SilverTable.foldedColumns(isBitemporal: table.isBitemporal)
        var stager = FoldStager(
            table, batch: batch, timezone: timezone, missing: missing, mode: .fill(now: step.now))
        try await copy(
            events(in: log, where: "g._run_timestamp = \(fragment: instant)", late: "false"), through: &stager,
            into: "COPY \(fragment: table.history) (\(identifiers: columns)) FROM STDIN (FORMAT binary)", from: source,
            on: writer)
        for statement in table.addIndexes { try await writer.execute(statement) }
        var counts = stager.effects.counts
        counts.input = stager.changes
        try await record(stager.effects, on: writer)
        return counts
    }

    private func fold(
        _ missing: [UUIDValue: [String]], from source: PostgresConnection,
        on writer: PostgresConnection
    ) async throws -> RowCounts {
        let plan = FoldPlan(table: table, run: batch.run, now: step.now)
        try await TableStatistics.make(of: bronze, lookingUp: batch.records, on: source)
        let late = try await source.query("SELECT count(*) FROM (\(fragment: keysToDerive)) AS k")[0].get(
            0, as: Int.self)
        var counts = RowCounts()
        if !looksBack {
            let chained = try await chain(missing, hasLate: late > 0, from: source, on: writer)
            counts += try await apply(chained, plan, on: writer)
        }
        if late > 0 { counts += try await derive(missing, plan, from: source, on: writer) }
        return counts
    }

    // MARK: Chains

    private struct Chained {
        var counts: RowCounts
        /// What was staged.
        var rows: Int
        /// Keys whose chain begins with a version.
        var keys: Int
        /// True where some chain's first change has to be looked at on its own.
        var hasFirstChanges: Bool
    }

    private func chain(
        _ missing: [UUIDValue: [String]], hasLate: Bool, from source: PostgresConnection,
        on writer: PostgresConnection
    ) async throws -> Chained {
        var stager = FoldStager(table, batch: batch, timezone: timezone, missing: missing, mode: .chain)
        try await EmptyTable.make(table.stage, on: writer)
        // Not joined with the keys to derive: the server takes either for one row, and would look through all of these for
        // each change.
        let marked: SQLText = """
            (SELECT m.*, coalesce(max(m.known) OVER k >= min(\(fragment: position("m"))) OVER k, false)
                OR bool_or(m.is_beside) OVER k AS is_derived
            FROM (
                SELECT n.*, \(fragment: isDeleteBesideUpsert(over: " OVER p")) AS is_beside,
                    CASE row_number() OVER (PARTITION BY n._key_hash) WHEN 1 THEN \(fragment: newestKnown) END AS known
                FROM \(fragment: log) n WHERE n._run_timestamp = \(fragment: instant)
                WINDOW p AS (PARTITION BY n._key_hash, \(fragment: position("n")))) m
            WINDOW k AS (PARTITION BY m._key_hash))
            """
        let rows = try await copy(
            hasLate
                ? events(in: marked, where: "NOT g.is_derived", late: "false")
                : events(in: log, where: "g._run_timestamp = \(fragment: instant)", late: "false"),
            through: &stager, into: "COPY \(fragment: table.stage) FROM STDIN (FORMAT binary)", from: source, on: writer
        )
        var counts = stager.effects.counts
        counts.input = stager.changes
        return Chained(counts: counts, rows: rows, keys: stager.chains, hasFirstChanges: stager.firstChanges > 0)
    }

    /// Brings the chains into the history and counts their first changes, whose effect only the history tells.
    private func apply(
        _ chained: Chained, _ plan: FoldPlan, on writer: PostgresConnection
    ) async throws -> RowCounts {
        guard chained.counts.input > 0 else { return chained.counts }
        try await analyze(chained.rows, on: writer)
        try await TableStatistics.make(of: table, lookingUp: chained.rows, on: writer)
        try await writer.execute("SET LOCAL random_page_cost = 1.1")
        var counts = chained.counts
        let continued = try await writer.execute(plan.markContinued)
        if chained.hasFirstChanges { try await analyze(continued, on: writer) }
        let overwriting =
            chained.hasFirstChanges ? try await writer.query(plan.countOverwriting)[0].get(0, as: Int.self) : nil
        let overwritten = try await writer.execute(plan.overwriteContinued)
        counts.updated += overwriting ?? overwritten
        try await writer.execute(plan.endContinued)
        counts.deleted += try await writer.execute(plan.end(isDelete: true))
        let closed = try await writer.execute(plan.end(isDelete: false))
        counts.updated += closed
        counts.inserted += chained.keys - continued - closed
        try await writer.execute(plan.addChains)
        counts.unchanged =
            counts.input - counts.inserted - counts.updated - counts.deleted
        return counts
    }

    // MARK: Derived keys

    /// Keys of the batch whose changes do not all come behind what is known of them, or one of whose deletes comes with an
    /// upsert of the same time: whether that one goes on with the open row, a chain does not know.
    private var keysToDerive: SQLText {
        guard !looksBack else {
            return "SELECT DISTINCT n._key_hash FROM \(fragment: log) n WHERE n._run_timestamp = \(fragment: instant)"
        }
        // Each key and each time once: who has many changes in the batch may have as many in the log.
        return """
            SELECT b._key_hash FROM (
                SELECT n._key_hash, min(\(fragment: position("n"))) AS first FROM \(fragment: log) n
                WHERE n._run_timestamp = \(fragment: instant) GROUP BY n._key_hash) b
            WHERE EXISTS (SELECT FROM \(fragment: log) o WHERE o._key_hash = b._key_hash
                AND o._run_timestamp < \(fragment: instant) AND \(fragment: position("o")) >= b.first)
            UNION
            SELECT n._key_hash FROM \(fragment: log) n
            WHERE n._run_timestamp = \(fragment: instant) GROUP BY n._key_hash, \(fragment: position("n"))
            HAVING \(fragment: isDeleteBesideUpsert(over: ""))
            """
    }

    /// Whether the batch's changes `n` of one key and time are both: `window` says which these are, where they are not grouped.
    private func isDeleteBesideUpsert(over window: SQLText) -> SQLText {
        // Nothing but a marker tells of deletes that have a place among the records.
        guard entity.deleteMarker != nil else { return "false" }
        return """
            (bool_or(n._change = 'delete' AND n._raw_file > 0)\(fragment: window)
                AND bool_or(n._change <> 'delete')\(fragment: window))
            """
    }

    /// The newest of all that earlier batches know of the key of `n`. To be asked once for each key: it reads all of the key's changes.
    private var newestKnown: SQLText {
        """
        (SELECT max(\(fragment: position("o"))) FROM \(fragment: log) o WHERE o._key_hash = n._key_hash
            AND o._run_timestamp < \(fragment: instant))
        """
    }

    private func derive(
        _ missing: [UUIDValue: [String]], _ plan: FoldPlan, from source: PostgresConnection,
        on writer: PostgresConnection
    ) async throws -> RowCounts {
        var stager = FoldStager(table, batch: batch, timezone: timezone, missing: missing, mode: .derive)
        // Chains are in the history by now; beside many of them the server would take few derived rows for one.
        try await EmptyTable.make(table.stage, on: writer)
        let rows = try await copy(
            events(
                in: log,
                where: """
                    g._run_timestamp <= \(fragment: instant)
                        AND EXISTS (SELECT FROM (\(fragment: keysToDerive)) AS k WHERE k._key_hash = g._key_hash)
                    """, late: cameLate),
            through: &stager, into: "COPY \(fragment: table.stage) FROM STDIN (FORMAT binary)", from: source,
            on: writer)
        try await analyze(rows, on: writer)
        try await writer.execute("SET LOCAL random_page_cost = 1.1")
        if !table.isBitemporal { try await writer.execute(plan.keepCreation) }
        try await writer.execute(plan.removeOutdated)
        try await writer.execute(plan.addDerived)
        try await record(stager.effects, on: writer)
        var counts = stager.effects.counts
        counts.input = stager.changes
        return counts
    }

    // MARK: Both

    /// Tells the server of so many staged rows, which it would take for one.
    private func analyze(_ rows: Int, on writer: PostgresConnection) async throws {
        if rows > 1_000 { try await writer.execute("ANALYZE \(fragment: table.stage) (_key_hash, _kind)") }
    }

    /// Changes in the order in which they count, key by key.
    private func events(in source: SQLText, where condition: SQLText, late: SQLText) -> SQLText {
        """
        COPY (SELECT g._key_hash, g._change, \(fragment: position("g")), g._run_id, g._run_timestamp, g._raw_file,
                g._record_no, \(fragment: late), g.doc::text
            FROM \(fragment: source) g WHERE \(fragment: condition)
            ORDER BY g._key_hash, \(fragment: position("g")), g._order NULLS FIRST, g._run_timestamp, g._raw_file,
                g._record_no) TO STDOUT (FORMAT binary)
        """
    }

    /// Whether a change is older than one of an earlier batch.
    private var cameLate: SQLText {
        """
        coalesce(\(fragment: position("g")) < max(\(fragment: position("g"))) OVER (PARTITION BY g._key_hash
            ORDER BY g._run_timestamp GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false)
        """
    }

    /// Sends what the changes of `query` come to; returns how many rows that is.
    @discardableResult
    private func copy(
        _ query: SQLText, through stager: inout FoldStager, into statement: SQLText, from source: PostgresConnection,
        on writer: PostgresConnection
    ) async throws -> Int {
        var changes = try await ChangeReader(query, from: source, besides: writer)
        try await writer.beginCopyIn(statement)
        while let chunk = try await changes.next() {
            try stager.add(chunk)
            if stager.buffer.needsFlush {
                try await writer.putCopyData(&stager.buffer)
                step.progress(records: stager.changes)
                try Task.checkCancellation()
            }
        }
        try stager.finish()
        try await writer.putCopyData(&stager.buffer)
        return try await writer.endCopyIn()
    }

    /// Columns that no record of some full batches had, by run: their changes keep what was known.
    private func missingColumns(on connection: PostgresConnection) async throws -> [UUIDValue: [String]] {
        let rows = try await connection.query(
            """
            SELECT run_id, missing_columns FROM audit.raw_batch
            WHERE system_id = \(entity.id.system.rawValue) AND entity_name = \(entity.id.name)
                AND missing_columns <> '{}'
            """)
        var missing: [UUIDValue: [String]] = [:]
        for row in rows { missing[try row.get(0)] = try row.get(1) }
        return missing
    }

    /// Keeps the changes that were left out where people find them.
    private func record(_ effects: VersionFold.Effects, on writer: PostgresConnection) async throws {
        try await record(
            effects.rejected, fixedColumns.map(\.name).joined(separator: ", "), "a fixed column changed", on: writer)
        guard entity.lateArrivals == .reject else { return }
        try await record(effects.leftOut, nil, "it came late: something newer was known of its key", on: writer)
    }

    /// In parts, as there may be as many as the batch has changes.
    private func record(
        _ places: [VersionFold.Place], _ columns: String?, _ reason: String, on writer: PostgresConnection
    ) async throws {
        var rest = places[...]
        while !rest.isEmpty {
            let part = rest.prefix(5_000)
            rest = rest.dropFirst(part.count)
            try await writer.execute(
                """
                INSERT INTO audit.rejected_record (run_id, system_id, entity_name, layer, raw_file, record_no,
                    run_timestamp, column_name, reason)
                SELECT \(batch.run.id), \(entity.id.system.rawValue), \(entity.id.name), 'silver', r.file, r.record,
                    \(batch.run.timestamp), \(columns), \(reason)
                FROM unnest(\(part.map(\.file)), \(part.map(\.record))) AS r (file, record)
                ON CONFLICT DO NOTHING
                """)
        }
    }
}
