internal import ConnectorKit
internal import Hashing
internal import Metadata
internal import Postgres
internal import Primitives

/// By which metadata every live document of an entity was accepted: `metadata.entity_shape.accepted_by`.
///
/// While that metadata is in force, a document that did not change need not be read as a whole again: it would be accepted
/// again. Any doubt is told as NULL; the next full batch without rejects is then read as a whole and settles it.
struct AcceptedDocuments {
    let entity: EntityID
    /// Stands for today's metadata and the rules of `DocumentReader`.
    private let reading: UUIDValue

    /// Raise it when `DocumentReader` or `RecordWindow` begin to refuse or to accept what they did not.
    private static let rules: UInt64 = 1

    init(_ source: BatchSource, under catalog: Catalog) {
        entity = source.entity.id
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

    /// Notes what a batch has made of it.
    func note(_ detected: DetectedBatch, on connection: PostgresConnection) async throws {
        // What is accepted besides leaves it as it is.
        guard try await !areCurrent(on: connection) else { return }
        let accepted = try await detected.acceptsAll(on: connection) ? reading : nil
        try await connection.execute(
            """
            UPDATE metadata.entity_shape SET accepted_by = \(accepted)
            WHERE system_id = \(entity.system.rawValue) AND entity_name = \(entity.name)
                AND accepted_by IS DISTINCT FROM \(accepted)
            """)
    }

    /// Forgets it: the documents come from somewhere else.
    static func forget(_ entity: EntityID, on connection: PostgresConnection) async throws {
        try await connection.execute(
            """
            UPDATE metadata.entity_shape SET accepted_by = NULL
            WHERE system_id = \(entity.system.rawValue) AND entity_name = \(entity.name) AND accepted_by IS NOT NULL
            """)
    }
}
