internal import ConnectorKit
internal import Hashing
internal import Metadata
internal import Postgres
internal import Primitives

/// By which metadata every live document of an entity was accepted: `metadata.entity_shape.accepted_by`.
///
/// While that metadata is in force, a document that did not change need not be read as a whole again: it would be accepted
/// again. Any doubt is told as NULL; the next full batch without rejects is then read as a whole and settles it.
///
/// Beside it stands how their scopes were read: see `ScopeDefinition`.
struct AcceptedDocuments {
    let entity: EntityID
    private let scopes: ScopeDefinition
    /// Stands for today's metadata and the rules of `DocumentReader`.
    private let reading: UUIDValue

    /// Raise it when `DocumentReader` or `RecordWindow` begin to refuse or to accept what they did not.
    private static let rules: UInt64 = 1

    init(_ source: BatchSource, under catalog: Catalog) {
        entity = source.entity.id
        scopes = ScopeDefinition(source.entity, timezone: source.timezone)
        var input: [UInt8] = []
        input.append(bigEndian: catalog.hash.high)
        input.append(bigEndian: catalog.hash.low)
        input.append(bigEndian: Self.rules)
        input.append(source.manifest.shape.isText ? 1 : 0)
        reading = XXH3.hash128(input.span)
    }

    /// True where every live document was accepted by today's metadata.
    func areCurrent(on connection: PostgresConnection) async throws -> Bool {
        try await !connection.query(
            """
            SELECT 1 FROM metadata.entity_shape WHERE system_id = \(entity.system.rawValue)
                AND entity_name = \(entity.name) AND accepted_by = \(reading)
            """
        ).isEmpty
    }

    /// Notes what a batch has made of it. `isComplete`: every document that is live behind the batch was accepted with it.
    func note(isComplete: Bool, on connection: PostgresConnection) async throws {
        let accepted: UUIDValue? = isComplete ? reading : nil
        try await connection.execute(
            """
            UPDATE metadata.entity_shape
            SET accepted_by = CASE WHEN accepted_by = \(reading) THEN accepted_by ELSE \(accepted) END,
                scopes_by = \(scopes.text)
            WHERE system_id = \(entity.system.rawValue) AND entity_name = \(entity.name)
                AND (accepted_by IS DISTINCT FROM \(accepted) AND accepted_by IS DISTINCT FROM \(reading)
                    OR coalesce(scopes_by, '') <> \(scopes.text))
            """)
    }

    /// The documents come from somewhere else: forgets by what they were accepted. Their scopes are read anew.
    static func replaced(_ entity: Entity, timezone: String, on connection: PostgresConnection) async throws {
        let scopes = ScopeDefinition(entity, timezone: timezone)
        try await connection.execute(
            """
            UPDATE metadata.entity_shape SET accepted_by = NULL, scopes_by = \(scopes.text)
            WHERE system_id = \(entity.id.system.rawValue) AND entity_name = \(entity.id.name)
            """)
    }
}
