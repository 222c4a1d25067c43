internal import ConnectorKit
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// The current rows of an entity for each of which another one is asked (`for_each`), read in pages by key.
struct LiveParents {
    /// Rows of one page.
    private static let pageSize = 1000

    let table: SilverTable
    let columns: [String]
    /// Only rows that were touched at this instant or later; nil for all.
    let touchedAfter: Instant?
    let pool: PostgresPool

    /// Since when a child has to ask for what was touched of its parent: since its last batch began to be read, or since the first of
    /// the parent's runs began that went on then, in another system, and might not have committed what it had touched.
    ///
    /// What was landed without asking the parents tells nothing, as by a retry of quarantine.
    static func lastAsked(
        _ parent: EntityID, by child: EntityID, in pool: PostgresPool
    ) async throws -> Instant? {
        let asked = try await pool.withConnection { connection in
            try await connection.query(
                """
                SELECT least(a.instant, (
                    SELECT min(p.started_at) FROM audit.system_run p
                    WHERE p.system_id = \(parent.system.rawValue) AND p.system_id <> \(child.system.rawValue)
                        AND p.started_at <= a.instant AND coalesce(p.finished_at, a.instant) >= a.instant)) AS instant
                FROM (
                    SELECT max(e.started_at) AS instant FROM audit.raw_batch b
                    JOIN audit.system_run r USING (run_id)
                    JOIN audit.entity_layer_run e ON e.run_id = b.run_id AND e.system_id = b.system_id
                        AND e.entity_name = b.entity_name AND e.layer = 'raw'
                    WHERE b.system_id = \(child.system.rawValue) AND b.entity_name = \(child.name) AND b.state <> 'discarded'
                        AND (r.trigger_type <> 'retry' OR r.retry_of_run_id IS NOT NULL)) a
                """)
        }
        return try asked.first?.get("instant")
    }

    /// The rows, as objects of the columns. Types are kept as JSON keeps them.
    var rows: ParentRows { ParentRows { place in try await page(behind: place) } }

    private func page(behind place: String?) async throws -> ParentRows.Page {
        let query = query(behind: place)
        return try LiveParents.page(of: await pool.withConnection { try await $0.query(query) })
    }

    private func query(behind place: String?) -> SQLText {
        let members: [SQLText] = columns.map { "\(literal: $0), \(identifier: $0)" }
        var condition = table.isOpen()
        if let touchedAfter { condition = "\(fragment: condition) AND _updated_at >= \(touchedAfter)" }
        if let place { condition = "\(fragment: condition) AND _key_hash > \(place)::text::uuid" }
        return """
            SELECT _key_hash::text AS place, json_build_object(\(fragment: members.joined(separator: ", ")))::text AS doc
            FROM \(fragment: table.history) WHERE \(fragment: condition) ORDER BY _key_hash LIMIT \(Self.pageSize)
            """
    }

    private static func page(of found: PostgresResult) throws -> ParentRows.Page {
        let rows = try found.map { try JSONReader.parse(Array($0.get("doc", as: String.self).utf8)) }
        return ParentRows.Page(
            rows: rows, next: found.count < pageSize ? nil : try found.last?.get("place", as: String.self))
    }
}
