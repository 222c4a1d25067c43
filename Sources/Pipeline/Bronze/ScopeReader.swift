internal import Hashing
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// Reads the scopes of the documents that bronze holds: what `full_scope` makes of them today.
struct ScopeReader: ~Copyable {
    private let table: SQLText
    private var reader: DocumentReader
    private var window: RecordWindow

    /// nil for an entity without a `full_scope`.
    init?(_ entity: Entity, timezone: String) {
        guard let scope = entity.fullScope else { return nil }
        table = "\(table: "stage", entity.id.table + "__scope")"
        // Only this column: what else does not fit under today's metadata is no concern here.
        var part = entity
        part.columns = entity.columns.filter { $0.name == scope }
        reader = DocumentReader(part, timezone: timezone, readsLooseBooleans: true)
        window = RecordWindow(.lines, paths: DocumentReader.paths(of: part))
    }

    /// Stages (key hash, scope) of `documents`, rows of (key hash, document); a scope that cannot be read is NULL.
    /// - Returns: The table, which the caller drops.
    consuming func stage(_ documents: SQLText, on connection: PostgresConnection) async throws -> SQLText {
        try await connection.execute("DROP TABLE IF EXISTS \(fragment: table)")
        try await connection.execute(
            "CREATE UNLOGGED TABLE \(fragment: table) (_key_hash uuid NOT NULL, _scope uuid)")
        // A connection cannot copy out and in at once.
        var rows = CopyBuffer()
        var held = try ByteSpool()
        try await connection.beginCopyOut("COPY (\(fragment: documents)) TO STDOUT (FORMAT binary)")
        while let chunk = try await connection.nextCopyChunk() {
            read(chunk, into: &rows)
            if rows.needsFlush { try held.append(rows.takeBytes()) }
            try Task.checkCancellation()
        }
        rows.finish()
        try held.append(rows.takeBytes())
        try await connection.beginCopyIn("COPY \(fragment: table) FROM STDIN (FORMAT binary)")
        for piece in held.pieces { try await connection.putCopyData(held.read(piece)) }
        try await connection.endCopyIn()
        try await connection.execute("ANALYZE \(fragment: table)")
        return table
    }

    /// Changes with what a scope is hashed from, so that two hashes compare rightly where it is the same; nil without scopes.
    static func form(of entity: Entity, timezone: String) -> String? {
        guard let column = entity.columns.first(where: { $0.name == entity.fullScope }) else { return nil }
        let form = EntityShape.form(of: column, timezone: entity.timezone ?? timezone)
        return "\(column.name), form \(XXH3.hash128(Array(form.utf8).span))"
    }

    private mutating func read(_ chunk: [UInt8], into buffer: inout CopyBuffer) {
        window.clear()
        var keys: [UUIDValue] = []
        var rows = BinaryRowReader(chunk)
        while rows.next() {
            guard let key = rows.uuid(0) else { continue }
            keys.append(key)
            rows.withField(1) { document in
                if let document { window.append(document) }
            }
        }
        window.extract()
        for (index, key) in keys.enumerated() {
            buffer.beginRow(columns: 2)
            buffer.append(uuid: key)
            if case .accepted = reader.read(window, index), let scope = reader.scope {
                buffer.append(uuid: scope)
            } else {
                buffer.appendNull()
            }
        }
    }
}
