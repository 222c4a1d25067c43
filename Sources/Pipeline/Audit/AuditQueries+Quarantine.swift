public import Metadata
internal import Postgres
public import Primitives

/// One record in quarantine, as `audit.rejected_record` tells it.
public struct QuarantinedRecord: Sendable {
    /// The entity.
    public var entity: EntityID
    /// The run that landed it.
    public var run: RunIdentity
    /// The layer that rejected it.
    public var layer: String
    /// Its raw file's number, from 1.
    public var file: Int
    /// Its position in the file, from 1.
    public var record: Int
    /// The column, where one is to blame.
    public var column: String?
    /// Why.
    public var reason: String
    /// The beginning of the value, masked where the column holds personal data.
    public var excerpt: String?
    /// `retried` or `superseded`; nil while nobody resolved it.
    public var resolution: String?
    /// The run that resolved it.
    public var resolvedBy: UUIDValue?
}

extension AuditQueries {
    /// Rejected records, newest run first; of one entity or run where they are given, resolved ones only with `all`.
    public func quarantine(
        of entity: EntityID? = nil, run: UUIDValue? = nil, all: Bool = false, limit: Int
    ) async throws -> [QuarantinedRecord] {
        try await query(
            """
            SELECT * FROM audit.rejected_record
            WHERE (\(entity?.name)::text IS NULL OR system_id = \(entity?.system.rawValue) AND entity_name = \(entity?.name))
                AND (\(run)::uuid IS NULL OR run_id = \(run)) AND (resolved_at IS NULL OR \(all))
            ORDER BY run_timestamp DESC, system_id, entity_name, layer, raw_file, record_no LIMIT \(limit)
            """
        ).map { row in
            QuarantinedRecord(
                entity: try self.entity(row),
                run: RunIdentity(id: try row.get("run_id"), timestamp: try row.get("run_timestamp")),
                layer: try row.get("layer"), file: try row.get("raw_file"), record: try row.get("record_no"),
                column: try row.get("column_name"), reason: try row.get("reason"), excerpt: try row.get("excerpt"),
                resolution: try row.get("resolution"), resolvedBy: try row.get("resolved_by_run_id"))
        }
    }
}
