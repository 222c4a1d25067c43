internal import Hashing
internal import JSON
internal import Postgres
internal import Primitives

/// The last changes of a first batch whose log does not tell their scopes: collected while it is read, and copied behind the log.
struct ScopedKeys {
    private let table: BronzeTable
    private let batch: Batch
    private var rows = CopyBuffer()
    private var held = ByteSpool()

    /// None yet.
    init(_ table: BronzeTable, of batch: Batch) {
        self.table = table
        self.batch = batch
    }

    /// Adds the change of the record that the reader read last.
    mutating func add(
        _ key: UUIDValue, _ records: borrowing BatchReader, _ index: Int, _ reader: borrowing DocumentReader
    ) throws {
        rows.beginRow(columns: 6)
        rows.append(uuid: key)
        rows.append(uuid: records.window.withRecord(index) { XXH3.hash128($0) })
        rows.append(instant: batch.run.timestamp)
        rows.append(bool: reader.isDelete)
        rows.append(bool: false)
        if let scope = records.scope(at: index) ?? reader.scope { rows.append(uuid: scope) } else { rows.appendNull() }
        if rows.needsFlush { try held.append(rows.takeBytes()) }
    }

    /// Brings them into their empty table.
    mutating func copy(on connection: PostgresConnection) async throws {
        rows.finish()
        try held.append(rows.takeBytes())
        for statement in table.openLastForFirstRows { try await connection.execute(statement) }
        try await connection.beginCopyIn(
            """
            COPY \(fragment: table.last) (_key_hash, _doc_hash, _run_timestamp, _is_deleted, _by_absence, _scope)
            FROM STDIN (FORMAT binary)
            """)
        for piece in held.pieces { try await connection.putCopyData(held.read(piece)) }
        try await connection.endCopyIn()
        for statement in table.closeLastAfterFirstRows { try await connection.execute(statement) }
    }
}
