internal import Metadata
internal import Postgres
internal import Primitives

/// Where the values of an entity's open rows stand in bronze.
struct RefillDocuments {
    /// Columns and the documents that have them: one of each key at most, by its place in the log.
    struct Source {
        var columns: [Column]
        let documents: SQLText
    }

    /// The newest change of each key that silver has applied.
    let last: SQLText
    private let entity: Entity
    private let bronze: BronzeTable
    private let merged: Instant
    /// Columns that some batches lacked as a whole: their changes kept the values that were known.
    private let lacked: Set<String>

    init(of entity: Entity, in bronze: BronzeTable, on connection: PostgresConnection) async throws {
        let row = try await connection.query(
            """
            SELECT max(b.run_timestamp) AS merged,
                coalesce(array_agg(DISTINCT m.name) FILTER (WHERE m.name IS NOT NULL), '{}') AS lacked
            FROM audit.raw_batch b LEFT JOIN LATERAL unnest(b.missing_columns) AS m (name) ON true
            WHERE b.state = 'merged' AND b.system_id = \(entity.id.system.rawValue) AND b.entity_name = \(entity.id.name)
            """)[0]
        self.entity = entity
        self.bronze = bronze
        merged = try row.get("merged", as: Instant?.self) ?? Instant(microseconds: 0)
        lacked = Set(try row.get("lacked", as: [String].self))
        last = RefillDocuments.documents(of: entity, in: bronze, until: merged, had: nil)
    }

    /// Which documents each of these columns is read from. A column that stands elsewhere now is looked for in the last ones:
    /// what was lacking is where it stood before.
    func sources(of columns: [Column], moved: Set<String>) -> [Source] {
        var sources: [Source] = []
        let ofLast = columns.filter { !isKept($0, moved) }
        if !ofLast.isEmpty { sources.append(Source(columns: ofLast, documents: last)) }
        for column in columns where isKept(column, moved) {
            let documents = RefillDocuments.documents(of: entity, in: bronze, until: merged, had: column.name)
            sources.append(Source(columns: [column], documents: documents))
        }
        return sources
    }

    private func isKept(_ column: Column, _ moved: Set<String>) -> Bool {
        lacked.contains(column.name) && !moved.contains(column.name) && entity.history != .append
    }

    /// Text, not parameters: COPY takes none. `append` keeps the first document of a key.
    private static func documents(
        of entity: Entity, in bronze: BronzeTable, until merged: Instant, had column: String?
    ) -> SQLText {
        let order: SQLText = entity.history == .append ? "ASC" : "DESC"
        // What came before the entity had an effective time counts from its batch's instant, as in the merge.
        let position: SQLText =
            entity.effectiveTimeColumn == nil
            ? "" : "coalesce(_applies_at, _run_timestamp) DESC, _order DESC NULLS LAST,"
        let isOfEntity: SQLText = """
            system_id = \(literal: entity.id.system.rawValue) AND entity_name = \(literal: entity.id.name)
            """
        return """
            SELECT DISTINCT ON (_key_hash) _key_hash, _run_timestamp, _raw_file, _record_no
            FROM \(fragment: bronze.log) b
            WHERE _change <> 'delete' AND doc IS NOT NULL AND _run_timestamp <= \(literal: merged)
                AND NOT EXISTS (SELECT FROM audit.rejected_record r WHERE \(fragment: isOfEntity) AND r.layer = 'silver'
                    AND r.run_id = b._run_id AND r.raw_file = b._raw_file AND r.record_no = b._record_no)
                \(fragment: column.map { had($0, isOfEntity, in: bronze, until: merged) } ?? "")
            ORDER BY _key_hash, \(fragment: position) _run_timestamp \(fragment: order),
                _raw_file \(fragment: order), _record_no \(fragment: order)
            """
    }

    /// The batch of the document `b` had the column, and the key has not been deleted since.
    private static func had(
        _ column: String, _ isOfEntity: SQLText, in bronze: BronzeTable, until merged: Instant
    ) -> SQLText {
        """
        AND NOT EXISTS (SELECT FROM audit.raw_batch m WHERE \(fragment: isOfEntity) AND m.run_id = b._run_id
            AND \(literal: column) = ANY (m.missing_columns))
        AND NOT EXISTS (SELECT FROM \(fragment: bronze.log) d WHERE d._key_hash = b._key_hash AND d._change = 'delete'
            AND d._run_timestamp <= \(literal: merged)
            AND (coalesce(d._applies_at, d._run_timestamp), d._run_timestamp)
                > (coalesce(b._applies_at, b._run_timestamp), b._run_timestamp))
        """
    }
}
