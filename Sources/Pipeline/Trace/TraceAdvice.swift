internal import Metadata
internal import Postgres
internal import Primitives

/// Why a key has no version, and what to do about it.
struct TraceAdvice {
    let entity: Entity

    func lines(for trace: Trace, on connection: PostgresConnection) async throws -> [String] {
        var lines: [String] = []
        if trace.loose.contains(where: { $0.effect == .waiting }) {
            lines.append(
                "bronze has it, and its batch waits for silver: medallion run --entity \(entity.id) --layer silver")
        } else if trace.loose.last?.change == "delete", entity.history == .latest {
            lines.append("bronze has it as deleted: history latest keeps only what the last full batch brought")
        } else if !trace.loose.isEmpty {
            lines.append(
                "bronze has it, silver does not: medallion doctor compares both, the changes below say what arrived")
        }
        if trace.loose.isEmpty, !trace.rejects.isEmpty {
            lines.append(
                "every record of it was rejected; mend the source or the column's metadata, then: "
                    + "medallion run --entity \(entity.id)")
        }
        if lines.isEmpty {
            lines.append("bronze does not know it: no accepted record ever had this key")
            lines.append("the key is \(described): spelling, case and leading zeros of texts count")
        }
        return lines + (try await batches(on: connection))
    }

    private var described: String {
        let columns = entity.keyColumns.map { "\($0.name) (\($0.type.name))" }
        return columns.isEmpty ? "a hash of run, file and record" : columns.joined(separator: ", ")
    }

    /// Batches that were landed and that nothing has looked into yet.
    private func batches(on connection: PostgresConnection) async throws -> [String] {
        let rows = try await connection.query(
            """
            SELECT run_id, state FROM audit.raw_batch WHERE state IN ('landed', 'blocked')
                AND system_id = \(entity.id.system.rawValue) AND entity_name = \(entity.id.name)
            ORDER BY run_timestamp
            """)
        return try rows.map { row in
            let (run, state): (UUIDValue, String) = (try row.get(0), try row.get(1))
            return state == "blocked"
                ? "the batch of run \(run) is blocked and may hold it: medallion batch list"
                : "the batch of run \(run) is landed only and may hold it: medallion run --entity \(entity.id)"
        }
    }
}
