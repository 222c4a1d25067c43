internal import Hashing
internal import Metadata
internal import Postgres
internal import Primitives

/// What a build of each script would see now, as a hash: its text, what it reads of gold, and the last change of each silver table.
///
/// `metadata.gold.built_hash` keeps that of the last build. A script is due where the two differ, whichever run brought the change:
/// one may have merged without gold, or ended before its gold was built. A state that is read before the build is at most older than
/// what the build sees, so that a change that is merged meanwhile costs a build too many, never one too few.
struct GoldState {
    /// By script.
    private(set) var hashes: [String: UUIDValue] = [:]

    /// Reads the last changes of what the scripts read.
    static func read(_ graph: GoldGraph, of catalog: Catalog, on connection: PostgresConnection) async throws -> Self {
        let read = graph.order.reduce(into: Set<Relation>()) { $0.formUnion($1.inputs) }
        let changes = try await lastChanges(
            of: catalog.entities.map(\.id).filter { read.contains(.silver($0.table)) }, on: connection)
        var state = Self()
        for script in graph.order {
            let inputs = script.inputs.sorted().map { input in
                switch input {
                case .silver(let table): "\(input) \(changes[table] ?? "")\n"
                case .gold(let name): "\(input) \(state.hashes[name]?.description ?? "")\n"
                }
            }
            state.hashes[script.name] = XXH3.hash128(Array("\(script.hash)\n\(inputs.joined())".utf8).span)
        }
        return state
    }

    /// The scripts that were not built from this state.
    func outdated(on connection: PostgresConnection) async throws -> Set<String> {
        let built = try await connection.query(
            "SELECT name, built_hash FROM metadata.gold WHERE built_hash IS NOT NULL")
        let current = try built.compactMap { row -> String? in
            let name: String = try row.get("name")
            return try row.get("built_hash", as: UUIDValue.self) == hashes[name] ? name : nil
        }
        return Set(hashes.keys).subtracting(current)
    }

    /// The last step that changed rows of each table, with how many it has changed so far, and when open rows were last read again
    /// because their metadata changed, of which no counter tells.
    private static func lastChanges(
        of entities: [EntityID], on connection: PostgresConnection
    ) async throws -> [String: String] {
        let rows = try await connection.query(
            """
            SELECT e.system_id, e.entity_name, concat_ws(' ', s.entity_layer_run_id, s.nr_changed, (
                SELECT extract(epoch FROM max(c.recorded_at)) FROM audit.schema_change c
                WHERE c.system_id = e.system_id AND c.entity_name = e.entity_name
                    AND c.change = \(SchemaChange.Kind.refilled.rawValue))) AS changed
            FROM unnest(\(entities.map(\.system.rawValue)), \(entities.map(\.name))) AS e(system_id, entity_name)
            LEFT JOIN LATERAL (
                SELECT r.entity_layer_run_id, n.nr_changed FROM audit.entity_layer_run r
                CROSS JOIN LATERAL (
                    VALUES (r.nr_records_inserted + r.nr_records_updated + r.nr_records_deleted + r.nr_records_late)) AS n(nr_changed)
                WHERE r.system_id = e.system_id AND r.entity_name = e.entity_name AND r.layer = 'silver' AND n.nr_changed > 0
                ORDER BY r.run_timestamp DESC, r.attempt DESC LIMIT 1) s ON true
            """)
        return Dictionary(
            uniqueKeysWithValues: try rows.map { row in
                let entity = EntityID(
                    system: SystemID(rawValue: try row.get("system_id")), name: try row.get("entity_name"))
                return (entity.table, try row.get("changed"))
            })
    }
}
