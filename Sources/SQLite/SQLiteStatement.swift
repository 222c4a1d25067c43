import CSQLite
import Primitives

/// A prepared statement that only reads.
@safe final class SQLiteStatement {
    private let pointer: OpaquePointer
    private let database: SQLiteDatabase

    /// https://www.sqlite.org/c3ref/prepare.html
    init(_ sql: String, _ values: [SQLiteValue], _ database: SQLiteDatabase, mayBegin: Bool) throws {
        self.database = database
        var prepared: OpaquePointer?
        guard !sql.utf8.contains(0) else {
            throw SQLiteError(code: SQLITE_MISUSE, message: "a statement contains a NUL byte")
        }
        let code = unsafe sqlite3_prepare_v2(database.pointer, sql, -1, &prepared, nil)
        guard code == SQLITE_OK else { throw unsafe SQLiteError(code, database.pointer) }
        guard let statement = unsafe prepared else {
            throw SQLiteError(code: SQLITE_MISUSE, message: "the statement is empty")
        }
        unsafe pointer = unsafe statement
        // https://www.sqlite.org/c3ref/stmt_readonly.html: BEGIN counts as reading, as do ATTACH and some pragmas, all of
        // which have no columns.
        guard unsafe sqlite3_stmt_readonly(statement) != 0, unsafe mayBegin || sqlite3_column_count(statement) > 0
        else {
            throw SQLiteError(code: SQLITE_READONLY, message: "the statement does more than reading")
        }
        let expected = unsafe Int(sqlite3_bind_parameter_count(statement))
        guard expected == values.count else {
            throw SQLiteError(
                code: SQLITE_RANGE, message: "the statement has \(expected) parameters, not \(values.count)")
        }
        for (index, value) in values.enumerated() { try bind(value, Int32(index + 1)) }
    }

    deinit { unsafe sqlite3_finalize(pointer) }

    /// https://www.sqlite.org/c3ref/bind_blob.html; the last argument makes SQLite take a copy.
    private func bind(_ value: SQLiteValue, _ index: Int32) throws {
        let copied = unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
        let code: Int32
        switch value {
        case .null: code = unsafe sqlite3_bind_null(pointer, index)
        case .integer(let number): code = unsafe sqlite3_bind_int64(pointer, index, number)
        case .real(let number): code = unsafe sqlite3_bind_double(pointer, index, number)
        case .text(let bytes):
            code = unsafe bytes.withUnsafeBytes { bytes in
                let start = unsafe bytes.baseAddress?.assumingMemoryBound(to: CChar.self)
                return unsafe sqlite3_bind_text64(
                    pointer, index, unsafe start ?? Self.noText, UInt64(bytes.count), copied, UInt8(SQLITE_UTF8))
            }
        case .blob(let bytes):
            code =
                unsafe bytes.isEmpty
                ? sqlite3_bind_zeroblob(pointer, index, 0)
                : bytes.withUnsafeBytes { bytes in
                    unsafe sqlite3_bind_blob64(pointer, index, bytes.baseAddress, UInt64(bytes.count), copied)
                }
        }
        guard code == SQLITE_OK else { throw unsafe SQLiteError(code, database.pointer) }
    }

    /// An address for the empty text; a null pointer would bind NULL.
    private nonisolated(unsafe) static let noText: UnsafePointer<CChar> = {
        // Never freed: one byte for the life of the process.
        let byte = UnsafeMutablePointer<CChar>.allocate(capacity: 1)
        unsafe byte.initialize(to: 0)
        return unsafe UnsafePointer(byte)
    }()

    /// Moves on to the next row; false at the end (https://www.sqlite.org/c3ref/step.html).
    func step() throws -> Bool {
        let code = unsafe sqlite3_step(pointer)
        switch code {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default: throw unsafe SQLiteError(code, database.pointer)
        }
    }

    var columnCount: Int { unsafe Int(sqlite3_column_count(pointer)) }

    func column(_ index: Int) -> SQLiteColumn {
        SQLiteColumn(name: unsafe sqlite3_column_name(pointer, Int32(index)).map { unsafe String(cString: $0) } ?? "")
    }

    /// The current row, which the next step overwrites.
    var row: SQLiteRow { unsafe SQLiteRow(pointer) }
}

/// The row under way; lent, and gone with the next one (https://www.sqlite.org/c3ref/column_blob.html).
@safe public struct SQLiteRow: ~Copyable {
    /// How a cell is stored.
    public enum Kind: Sendable { case null, integer, real, text, blob }

    private let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { unsafe self.pointer = unsafe pointer }

    /// How the cell is stored.
    public func kind(_ index: Int) -> Kind {
        switch unsafe sqlite3_column_type(pointer, Int32(index)) {
        case SQLITE_INTEGER: .integer
        case SQLITE_FLOAT: .real
        case SQLITE_TEXT: .text
        case SQLITE_BLOB: .blob
        default: .null
        }
    }

    /// An integer cell.
    public func integer(_ index: Int) -> Int64 { unsafe sqlite3_column_int64(pointer, Int32(index)) }

    /// A real cell.
    public func real(_ index: Int) -> Double { unsafe sqlite3_column_double(pointer, Int32(index)) }

    /// Lends the bytes of a text or blob cell.
    public func withBytes<Result>(_ index: Int, _ body: (Span<UInt8>) -> Result) -> Result {
        // The pointer is asked for before the length, as the manual demands.
        let start =
            kind(index) == .text
            ? unsafe UnsafeRawPointer(sqlite3_column_text(pointer, Int32(index)))
            : unsafe sqlite3_column_blob(pointer, Int32(index))
        let count = unsafe Int(sqlite3_column_bytes(pointer, Int32(index)))
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: unsafe start == nil ? 0 : count)
        return unsafe bytes.withMemoryRebound(to: UInt8.self) { body(unsafe $0.span) }
    }

    /// The cell as a value of its own.
    public func value(_ index: Int) -> SQLiteValue {
        switch kind(index) {
        case .null: .null
        case .integer: .integer(integer(index))
        case .real: .real(real(index))
        case .text: .text(withBytes(index) { Self.copy($0) })
        case .blob: .blob(withBytes(index) { Self.copy($0) })
        }
    }

    private static func copy(_ bytes: Span<UInt8>) -> [UInt8] {
        var copy: [UInt8] = []
        copy.append(bytes: bytes)
        return copy
    }
}
