internal import Metadata
internal import Postgres
internal import Primitives

/// What a staged batch changes, found by set-based SQL: duplicates, new, changed, unchanged and absent keys.
struct ChangeDetection {
    /// What the batch would do.
    struct Findings {
        var inserted = 0
        var updated = 0
        var unchanged = 0
        var duplicate = 0
        /// Live keys before the batch.
        var live = 0
        /// Live keys that the batch does not bring.
        var absent = 0
    }

    let table: BronzeTable
    let batch: Batch
    let detectsAbsence: Bool

    /// Removes all but the last document of each key from the stage; returns how many.
    func removeDuplicates(on connection: PostgresConnection) async throws -> Int {
        let repeated = try await connection.query(
            """
            SELECT 1 FROM \(fragment: table.stage) WHERE _reject_reason IS NULL
            GROUP BY _key_hash HAVING count(*) > 1 LIMIT 1
            """)
        guard !repeated.isEmpty else { return 0 }
        return try await connection.execute(
            """
            DELETE FROM \(fragment: table.stage) s USING (
                SELECT _key_hash, _ordinal, row_number() OVER (
                    PARTITION BY _key_hash ORDER BY _order DESC NULLS LAST, _ordinal DESC) AS place
                FROM \(fragment: table.stage) WHERE _reject_reason IS NULL) d
            WHERE d.place > 1 AND s._key_hash = d._key_hash AND s._ordinal = d._ordinal
            """)
    }

    /// Compares the stage with the last change of each key.
    func findings(on connection: PostgresConnection) async throws -> Findings {
        var findings = Findings()
        let row = try await connection.query(
            """
            SELECT count(*) FILTER (WHERE l._key_hash IS NULL OR l._is_deleted) AS inserted,
                count(*) FILTER (WHERE NOT l._is_deleted AND l._doc_hash <> s._doc_hash) AS updated,
                count(*) FILTER (WHERE NOT l._is_deleted AND l._doc_hash = s._doc_hash) AS unchanged
            FROM \(fragment: table.stage) s LEFT JOIN \(fragment: table.last) l ON l._key_hash = s._key_hash
            WHERE s._reject_reason IS NULL
            """)[0]
        findings.inserted = try row.get("inserted")
        findings.updated = try row.get("updated")
        findings.unchanged = try row.get("unchanged")
        guard detectsAbsence else { return findings }
        // NOT EXISTS in a WHERE is an anti-join; in a FILTER it would look each live key up one by one.
        let absence = try await connection.query(
            """
            SELECT (SELECT count(*) FROM \(fragment: table.last) WHERE NOT _is_deleted) AS live,
                (SELECT count(*) FROM \(fragment: table.last) l WHERE NOT l._is_deleted
                    AND NOT EXISTS (SELECT FROM \(fragment: table.stage) s WHERE s._key_hash = l._key_hash)) AS absent
            """)[0]
        findings.live = try absence.get("live")
        findings.absent = try absence.get("absent")
        return findings
    }

    /// Reads which records become documents: bit 1 of an ordinal is a new document, bit 2 a restored one.
    func changedOrdinals(of records: Int, on connection: PostgresConnection) async throws -> ChangeMarks {
        var marks = ChangeMarks(records: records)
        let restores: SQLText = batch.loadType == .full ? "l._is_deleted" : "l._is_deleted AND l._by_absence"
        try await connection.beginCopyOut(
            """
            COPY (SELECT s._ordinal, coalesce(\(fragment: restores), false)
                FROM \(fragment: table.stage) s LEFT JOIN \(fragment: table.last) l ON l._key_hash = s._key_hash
                WHERE s._reject_reason IS NULL
                    AND (l._key_hash IS NULL OR l._is_deleted OR l._doc_hash <> s._doc_hash)) TO STDOUT (FORMAT binary)
            """)
        while let chunk = try await connection.nextCopyChunk() {
            var rows = BinaryRowReader(chunk)
            while rows.next() {
                if let ordinal = rows.int64(0) { marks.mark(Int(ordinal), isRestore: rows.bool(1) ?? false) }
            }
        }
        return marks
    }

    /// Logs the absent keys as deleted, and brings the last change of every key up to date.
    func apply(on connection: PostgresConnection) async throws {
        let instant = batch.run.timestamp
        if detectsAbsence {
            try await connection.execute(
                """
                INSERT INTO \(fragment: table.log) (_key_hash, _change, _run_id, _run_timestamp, _raw_file, _record_no)
                SELECT l._key_hash, 'delete', \(batch.run.id), \(instant), 0, 0 FROM \(fragment: table.last) l
                WHERE NOT l._is_deleted
                    AND NOT EXISTS (SELECT FROM \(fragment: table.stage) s WHERE s._key_hash = l._key_hash)
                """)
            try await connection.execute(
                """
                UPDATE \(fragment: table.last) l
                SET _doc_hash = NULL, _run_timestamp = \(instant), _is_deleted = true, _by_absence = true
                WHERE NOT l._is_deleted
                    AND NOT EXISTS (SELECT FROM \(fragment: table.stage) s WHERE s._key_hash = l._key_hash)
                """)
        }
        try await connection.execute(
            """
            UPDATE \(fragment: table.last) l
            SET _doc_hash = s._doc_hash, _run_timestamp = \(instant), _is_deleted = false, _by_absence = false
            FROM \(fragment: table.stage) s
            WHERE s._key_hash = l._key_hash AND s._reject_reason IS NULL
                AND (l._is_deleted OR l._doc_hash <> s._doc_hash)
            """)
        try await connection.execute(
            """
            INSERT INTO \(fragment: table.last) (_key_hash, _doc_hash, _run_timestamp, _is_deleted, _by_absence)
            SELECT s._key_hash, s._doc_hash, \(instant), false, false FROM \(fragment: table.stage) s
            WHERE s._reject_reason IS NULL
                AND NOT EXISTS (SELECT FROM \(fragment: table.last) l WHERE l._key_hash = s._key_hash)
            """)
    }

    /// Keeps the rejected records of the batch where people find them.
    func recordRejects(on connection: PostgresConnection) async throws {
        let entity = batch.entity
        try await connection.execute(
            """
            DELETE FROM audit.rejected_record WHERE run_id = \(batch.run.id) AND layer = 'bronze'
                AND system_id = \(entity.system.rawValue) AND entity_name = \(entity.name)
            """)
        try await connection.execute(
            """
            INSERT INTO audit.rejected_record (run_id, system_id, entity_name, layer, raw_file, record_no, run_timestamp,
                column_name, reason, excerpt)
            SELECT \(batch.run.id), \(entity.system.rawValue), \(entity.name), 'bronze', _raw_file, _record_no,
                \(batch.run.timestamp), _reject_column, _reject_reason, _excerpt
            FROM \(fragment: table.stage) WHERE _reject_reason IS NOT NULL
            """)
    }
}

/// One bit per record of a batch for "becomes a document", one for "restores its key": 2.5 MB for ten million.
struct ChangeMarks {
    private var changed: [UInt64]
    private var restored: [UInt64]
    /// Records that become documents.
    private(set) var count = 0

    init(records: Int) {
        changed = Array(repeating: 0, count: records / 64 + 1)
        restored = Array(repeating: 0, count: records / 64 + 1)
    }

    mutating func mark(_ ordinal: Int, isRestore: Bool) {
        changed[ordinal / 64] |= 1 << UInt64(ordinal % 64)
        if isRestore { restored[ordinal / 64] |= 1 << UInt64(ordinal % 64) }
        count += 1
    }

    func isChanged(_ ordinal: Int) -> Bool { changed[ordinal / 64] >> UInt64(ordinal % 64) & 1 == 1 }

    func isRestored(_ ordinal: Int) -> Bool { restored[ordinal / 64] >> UInt64(ordinal % 64) & 1 == 1 }
}
