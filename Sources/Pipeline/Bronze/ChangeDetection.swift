internal import Metadata
internal import Postgres
internal import Primitives

/// What a staged batch changes, found by set-based SQL: duplicates, new, changed, unchanged, deleted and absent keys.
///
/// With an effective time a document's identity is its key and that time, and `EffectiveChanges` says what changes.
struct ChangeDetection {
    /// What the batch would do.
    struct Findings {
        var inserted = 0
        var updated = 0
        /// Deletes that the batch itself brings, by its marker.
        var marked = 0
        /// Of the updated keys, those that a full snapshot shows in an older state than was known.
        var wentBack = 0
        /// Live keys before the batch, within its scope.
        var live = 0
        /// Live keys that the batch does not bring.
        var absent = 0
        /// Of the absent keys, those of items whose parent is deleted: that was decided with the parent.
        var orphaned = 0

        /// Records that become changes.
        var changes: Int { inserted + updated + marked }
    }

    /// The kinds of change as the statements below number them.
    private static let (update, restore, delete, restoreOfLive) = (2, 3, 4, 5)

    let entity: Entity
    let table: BronzeTable
    let batch: Batch
    let detectsAbsence: Bool
    /// Where the last changes were before the batch.
    let last: LastChanges.State
    /// True where the stage holds what changed and, at ordinals below zero, the absent keys; else it holds every record.
    var absentIsStaged = false
    /// True where so few records are staged that each is looked up.
    var looksUp = false

    private var effective: EffectiveChanges? {
        entity.effectiveTimeColumn == nil ? nil : EffectiveChanges(table: table, batch: batch)
    }

    /// Removes all but the last document of each identity from the stage; returns how many.
    func removeDuplicates(on connection: PostgresConnection) async throws -> Int {
        let identity: SQLText = effective == nil ? "_key_hash" : "_key_hash, _effective_at, _is_delete"
        let repeated = try await connection.query(
            """
            SELECT 1 FROM \(fragment: table.stage) WHERE _reject_reason IS NULL
            GROUP BY \(fragment: identity) HAVING count(*) > 1 LIMIT 1
            """)
        guard !repeated.isEmpty else { return 0 }
        return try await connection.execute(
            """
            DELETE FROM \(fragment: table.stage) s USING (
                SELECT _key_hash, _ordinal, row_number() OVER (
                    PARTITION BY \(fragment: identity) ORDER BY _order DESC NULLS LAST, _ordinal DESC) AS place
                FROM \(fragment: table.stage) WHERE _reject_reason IS NULL) d
            WHERE d.place > 1 AND s._key_hash = d._key_hash AND s._ordinal = d._ordinal
            """)
    }

    /// Compares the stage with the last change of each key: which records become changes, and how many of each kind; and which
    /// live keys it lacks, where the stage does not tell them.
    func decide(of records: Int, on connection: PostgresConnection) async throws -> (ChangeMarks, Findings) {
        var marks = ChangeMarks(records: records)
        var findings = Findings()
        // A log that was never analyzed looks as if each key stood in it a thousand times.
        try await (last == .inLog || looksUp ? Joins.byLookup : .asEver).inForce(on: connection) {
            try await connection.beginCopyOut(
                "COPY (\(fragment: effective?.decisions ?? decisions)) TO STDOUT (FORMAT binary)")
            while let chunk = try await connection.nextCopyChunk() {
                var rows = BinaryRowReader(chunk)
                while rows.next() {
                    guard let ordinal = rows.int64(0), let kind = rows.int64(1).map(Int.init) else { continue }
                    marks.mark(Int(ordinal), isRestore: kind == Self.restore || kind == Self.restoreOfLive)
                    switch kind {
                    case Self.update, Self.restoreOfLive: findings.updated += 1
                    case Self.delete: findings.marked += 1
                    default: findings.inserted += 1
                    }
                    if kind == Self.restoreOfLive { findings.wentBack += 1 }
                }
            }
        }
        guard detectsAbsence, !absentIsStaged else { return (marks, findings) }
        try await joinsOfAbsent.inForce(on: connection) { try await countAbsent(into: &findings, on: connection) }
        return (marks, findings)
    }

    private func countAbsent(into findings: inout Findings, on connection: PostgresConnection) async throws {
        // NOT EXISTS in a WHERE is an anti-join; in a FILTER it would look each live key up one by one.
        let absence = try await connection.query(
            """
            SELECT (SELECT count(*) FROM \(fragment: table.last) l
                    WHERE NOT l._is_deleted\(fragment: inScope)) AS live,
                (SELECT count(*) FROM \(fragment: table.last) l WHERE \(fragment: isAbsent)) AS absent
            """)[0]
        findings.live = try absence.get("live")
        findings.absent = try absence.get("absent")
        if entity.explosion != nil {
            findings.orphaned = try await connection.query(
                """
                SELECT count(*) FROM \(fragment: table.last) l
                WHERE l._scope IN (SELECT _scope FROM \(fragment: table.scopes) WHERE _parent < 0)
                    AND \(fragment: isAbsent)
                """)[0].get(0)
        }
    }

    /// (ordinal, kind) of each record that becomes a change.
    private var decisions: SQLText {
        let restores: SQLText = batch.loadType == .full ? "true" : "last_by_absence"
        return """
            SELECT _ordinal, CASE WHEN _is_delete THEN 4 WHEN last_key IS NULL THEN 1
                WHEN NOT last_is_deleted THEN 2 WHEN \(fragment: restores) THEN 3 ELSE 1 END
            FROM (\(fragment: LastChanges(table: table).joined(to: staged, last))) c
            WHERE last_key IS NULL OR last_is_deleted <> _is_delete OR last_doc IS DISTINCT FROM _doc_hash
            """
    }

    /// The stage's records. Few come in the order of their keys, in which the last changes mostly lie; a full stage is joined as
    /// a whole, and need not be sorted.
    private var staged: SQLText {
        if absentIsStaged { return "(SELECT * FROM \(fragment: table.stage) WHERE _ordinal >= 0)" }
        return batch.loadType == .delta ? "(SELECT * FROM \(fragment: table.stage) ORDER BY _key_hash)" : table.stage
    }

    /// A live key of the batch's scope that the batch does not bring. Rejected records count as brought.
    private var isAbsent: SQLText {
        """
        NOT l._is_deleted\(fragment: inScope)
            AND NOT EXISTS (SELECT FROM \(fragment: table.stage) s WHERE s._key_hash = l._key_hash)
        """
    }

    /// Scopes first: what is absent of them counts for one row.
    private var joinsOfAbsent: Joins {
        guard table.isLastInLog else { return .asWritten }
        return absentIsStaged ? .asEver : .ofWholeTables
    }

    /// True where keys are live behind the staged batch that are in none of its scopes.
    func leavesOthers(on connection: PostgresConnection) async throws -> Bool {
        guard !table.isLastInLog else { return false }
        return try await Joins.ofWholeTables.inForce(on: connection) {
            try await !connection.query(
                """
                SELECT 1 FROM \(fragment: table.last) l WHERE NOT l._is_deleted
                    AND NOT EXISTS (SELECT FROM \(fragment: scopes) s WHERE s._scope = l._scope) LIMIT 1
                """
            ).isEmpty
        }
    }

    /// The batch's scopes.
    private var scopes: SQLText {
        entity.explosion != nil
            ? table.scopes : "(SELECT _scope FROM \(fragment: table.stage) WHERE _reject_reason IS NULL)"
    }

    private var inScope: SQLText {
        table.isLastInLog ? "" : " AND l._scope IN (SELECT _scope FROM \(fragment: scopes) s)"
    }

    /// Logs the absent keys as deleted, and brings the last change of every key up to date, where they are kept.
    func apply(_ findings: Findings, on connection: PostgresConnection) async throws {
        let instant = batch.run.timestamp
        guard last != .new else {
            let fill = effective?.fillLast ?? fillLast
            for statement in table.openLastForFirstRows + [fill] + table.closeLastAfterFirstRows {
                try await connection.execute(statement)
            }
            return
        }
        if let effective { try await place(effective, deletes: findings.marked, on: connection) }
        if detectsAbsence {
            let appliesAt: SQLText =
                effective == nil
                ? "NULL::timestamptz"
                : "greatest(\(instant), coalesce(l._applies_at, l._run_timestamp) + INTERVAL '1 microsecond')"
            try await joinsOfAbsent.inForce(on: connection) {
                try await connection.execute(
                    """
                    INSERT INTO \(fragment: table.log) (_key_hash, _change, _run_id, _run_timestamp, _raw_file,
                        _record_no, _applies_at)
                    SELECT l._key_hash, 'delete', \(batch.run.id), \(instant), 0, 0, \(fragment: appliesAt)
                    FROM \(fragment: absent)
                    """)
            }
        }
        guard last != .inLog else { return }
        // What the batch has logged counts for one row, and so the stage, which tells the scopes, would be read for each.
        try await (table.isLastInLog ? Joins.asEver : .ofWholeTables).inForce(on: connection) {
            try await connection.execute(effective?.applyToLast ?? applyToLast)
        }
    }

    private func place(
        _ changes: EffectiveChanges, deletes: Int, on connection: PostgresConnection
    ) async throws {
        try await connection.execute(changes.placeRestores)
        guard batch.loadType == .full, deletes > 0 else { return }
        // A batch of one scope need not read what is known of the others.
        try await (entity.fullScope == nil ? Joins.ofWholeTables : .asEver).inForce(on: connection) {
            try await connection.execute(changes.placeDeletes)
        }
    }

    /// The absent keys `l`, with their last changes where it matters from when those count.
    private var absent: SQLText {
        guard absentIsStaged else { return "\(fragment: table.last) l WHERE \(fragment: isAbsent)" }
        guard effective != nil else { return "\(fragment: table.stage) l WHERE l._ordinal < 0" }
        return """
            \(fragment: table.stage) s JOIN \(fragment: table.last) l ON l._key_hash = s._key_hash
            WHERE s._ordinal < 0
            """
    }

    /// Every change that the batch has logged is the last one of its key. In the order of the keys, in which the last changes
    /// mostly lie.
    private var applyToLast: SQLText {
        // The log does not tell scopes.
        let hasScope = !table.isLastInLog
        let stage: SQLText = """
            LEFT JOIN \(fragment: table.stage) s ON s._key_hash = g._key_hash AND s._reject_reason IS NULL
                AND s._ordinal >= 0
            """
        return """
            INSERT INTO \(fragment: table.last) AS l (\(fragment: LastChanges.columns), _scope)
            SELECT \(fragment: LastChanges.values), \(fragment: hasScope ? "s._scope" : "NULL::uuid")
            FROM \(fragment: table.log) g \(fragment: hasScope ? stage : "")
            WHERE g._run_timestamp = \(literal: batch.run.timestamp) ORDER BY g._key_hash
            ON CONFLICT (_key_hash) DO UPDATE SET \(fragment: LastChanges.replacements),
                _scope = CASE WHEN excluded._by_absence THEN l._scope ELSE excluded._scope END
            """
    }

    /// The first batch: every key of the stage gets its last change.
    private var fillLast: SQLText {
        """
        INSERT INTO \(fragment: table.last) (_key_hash, _doc_hash, _run_timestamp, _is_deleted, _by_absence, _scope)
        SELECT s._key_hash, s._doc_hash, \(batch.run.timestamp), s._is_delete, false, s._scope
        FROM \(fragment: table.stage) s WHERE s._reject_reason IS NULL
        """
    }

    /// Keeps the rejected records of the batch where people find them.
    func recordRejects(
        in rejected: SQLText = "audit.rejected_record", on connection: PostgresConnection
    ) async throws {
        let entity = batch.entity
        try await connection.execute(
            """
            DELETE FROM \(fragment: rejected) WHERE run_id = \(batch.run.id) AND layer = 'bronze'
                AND system_id = \(entity.system.rawValue) AND entity_name = \(entity.name)
            """)
        try await connection.execute(
            """
            INSERT INTO \(fragment: rejected) (run_id, system_id, entity_name, layer, raw_file, record_no, run_timestamp,
                column_name, reason, excerpt)
            SELECT \(batch.run.id), \(entity.system.rawValue), \(entity.name), 'bronze', _raw_file, _record_no,
                \(batch.run.timestamp), _reject_column, _reject_reason, _excerpt
            FROM \(fragment: table.stage) WHERE _reject_reason IS NOT NULL
            """)
    }
}
