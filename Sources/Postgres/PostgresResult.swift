import CLibPQ

/// A result of libpq, freed with its last user.
///
/// Unchecked: libpq documents that a PGresult is read-only once it is made and may be passed between threads
/// (https://www.postgresql.org/docs/current/libpq-threading.html).
@safe final class ResultHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { unsafe self.pointer = unsafe pointer }

    deinit { unsafe PQclear(pointer) }

    var status: ExecStatusType { unsafe PQresultStatus(pointer) }

    /// The command tag, for example `UPDATE 3`.
    var commandTag: String { unsafe String(cString: PQcmdStatus(pointer)) }

    /// Rows that the command touched; 0 where the command counts none.
    var affectedRows: Int { unsafe Int(String(cString: PQcmdTuples(pointer))) ?? 0 }

    func errorField(_ code: Unicode.Scalar) -> String? {
        // https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQRESULTERRORFIELD
        guard let text = unsafe PQresultErrorField(pointer, Int32(code.value)) else { return nil }
        return unsafe String(cString: text)
    }

    var errorMessage: String { unsafe String(cString: PQresultErrorMessage(pointer)) }
}

/// The rows of one statement, all in memory: for control queries, not for bulk data, which travels by COPY.
public struct PostgresResult: Sendable, RandomAccessCollection {
    let handle: ResultHandle
    /// The names of the columns, in order.
    public let columnNames: [String]
    /// The number of rows.
    public let rowCount: Int

    init(_ handle: ResultHandle) {
        self.handle = handle
        rowCount = unsafe Int(PQntuples(handle.pointer))
        columnNames = (0..<(unsafe PQnfields(handle.pointer))).map { column in
            unsafe String(cString: PQfname(handle.pointer, column))
        }
    }

    /// The numbers of the columns' types in `pg_type`, in order
    /// (https://www.postgresql.org/docs/current/libpq-exec.html#LIBPQ-PQFTYPE).
    public var columnTypes: [UInt32] {
        columnNames.indices.map { unsafe PQftype(handle.pointer, Int32($0)) }
    }

    /// Rows that an INSERT, UPDATE, DELETE, SELECT or COPY touched.
    public var affectedRows: Int { handle.affectedRows }

    /// 0.
    public var startIndex: Int { 0 }
    /// The number of rows.
    public var endIndex: Int { rowCount }

    /// One row.
    public subscript(row: Int) -> PostgresRow {
        precondition(indices.contains(row), "row \(row) of a result of \(rowCount) rows")
        return PostgresRow(result: self, index: row)
    }
}

/// One row of a result.
public struct PostgresRow: Sendable {
    let result: PostgresResult
    let index: Int

    /// The value of a named column; `Value` may be optional, then NULL is nil.
    /// - Throws: PostgresError.usage when there is no such column or its value is no `Value`.
    public func get<Value: PostgresDecodable>(_ column: String, as type: Value.Type = Value.self) throws -> Value {
        // Compared as bytes: PostgreSQL keeps names apart that Unicode calls equal.
        guard let position = result.columnNames.firstIndex(where: { $0.utf8.elementsEqual(column.utf8) }) else {
            throw PostgresError(
                .usage, "no column '\(column)' in the result",
                hint: "it has \(result.columnNames.joined(separator: ", "))")
        }
        return try get(position, as: type)
    }

    /// The value of the column at a position from 0; `Value` may be optional, then NULL is nil.
    /// - Throws: PostgresError.usage when there is no such column or its value is no `Value`.
    public func get<Value: PostgresDecodable>(_ column: Int, as type: Value.Type = Value.self) throws -> Value {
        guard result.columnNames.indices.contains(column) else {
            throw PostgresError(.usage, "no column \(column) in a result of \(result.columnNames.count) columns")
        }
        let text = text(column)
        guard let value = Value.decode(postgresText: text) else {
            let found = text == nil ? "NULL" : "another type"
            throw PostgresError(
                .usage, "column '\(result.columnNames[column])' is not \(Value.postgresName): found \(found)")
        }
        return value
    }

    /// True when the value is NULL.
    public func isNull(_ column: Int) -> Bool {
        precondition(result.columnNames.indices.contains(column), "no column \(column) in the result")
        return unsafe PQgetisnull(result.handle.pointer, Int32(index), Int32(column)) == 1
    }

    private func text(_ column: Int) -> String? {
        if isNull(column) { return nil }
        let pointer = unsafe result.handle.pointer
        let length = unsafe Int(PQgetlength(pointer, Int32(index), Int32(column)))
        guard let start = unsafe PQgetvalue(pointer, Int32(index), Int32(column)) else { return nil }
        return unsafe String(
            decoding: UnsafeRawBufferPointer(start: UnsafeRawPointer(start), count: length), as: UTF8.self)
    }
}
