import CSQLite

/// Owns a `sqlite3`, closed with its last user: statements keep it alive.
@safe final class SQLiteDatabase {
    let pointer: OpaquePointer
    private let isCancelled: CancelFlag

    init(_ path: String, _ busyMilliseconds: Int, _ isCancelled: CancelFlag) throws {
        var opened: OpaquePointer?
        // https://www.sqlite.org/c3ref/open.html: one thread at a time is the actor's promise; names are no URIs.
        let flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE
        let code = unsafe sqlite3_open_v2(path, &opened, flags, nil)
        guard code == SQLITE_OK, let database = unsafe opened else {
            let error = unsafe SQLiteError(code, opened)
            unsafe sqlite3_close_v2(opened)
            throw error
        }
        unsafe pointer = unsafe database
        self.isCancelled = isCancelled
        unsafe sqlite3_busy_timeout(database, Int32(busyMilliseconds))
        // The flag is borrowed: this object keeps it alive as long as the database is open.
        let flag = unsafe Unmanaged.passUnretained(isCancelled).toOpaque()
        unsafe sqlite3_progress_handler(
            database, 5000,
            { flag in
                guard let flag = unsafe flag else { return 0 }
                return unsafe Unmanaged<CancelFlag>.fromOpaque(flag).takeUnretainedValue().isSet ? 1 : 0
            }, flag)
    }

    deinit { unsafe sqlite3_close_v2(pointer) }
}

/// A refusal of SQLite's (https://www.sqlite.org/rescode.html). Its message names objects, never values.
public struct SQLiteError: Error, Sendable, CustomStringConvertible {
    /// The extended result code.
    public let code: Int32
    /// SQLite's own words.
    public let message: String

    init(code: Int32, message: String) {
        self.code = code
        self.message = message
    }

    init(_ code: Int32, _ database: OpaquePointer?) {
        self.code = code
        // https://www.sqlite.org/c3ref/errcode.html
        let text = unsafe database.map { unsafe sqlite3_errmsg($0) } ?? sqlite3_errstr(code)
        message = unsafe text.map { unsafe String(cString: $0) } ?? "unknown error"
    }

    /// True when the same statement may succeed a little later: another process holds the lock.
    public var isTransient: Bool { [SQLITE_BUSY, SQLITE_LOCKED].contains(code & 0xFF) }
    /// True when there is no such file, or no right to read it.
    public var isUnreadable: Bool { [SQLITE_CANTOPEN, SQLITE_PERM, SQLITE_AUTH].contains(code & 0xFF) }
    /// True when the file is damaged or no database.
    public var isMalformed: Bool { [SQLITE_NOTADB, SQLITE_CORRUPT].contains(code & 0xFF) }
    /// True when the statement would change something.
    public var isWrite: Bool { code & 0xFF == SQLITE_READONLY }

    /// One line.
    public var description: String { "\(message) [SQLite \(code)]" }
}

/// A value as SQLite stores it (https://www.sqlite.org/datatype3.html).
public enum SQLiteValue: Sendable, Hashable {
    /// NULL.
    case null
    /// A signed number of up to 64 bits.
    case integer(Int64)
    /// A double; never NaN, which SQLite stores as NULL.
    case real(Double)
    /// Text; the bytes may be no UTF-8.
    case text([UInt8])
    /// Bytes.
    case blob([UInt8])
}

/// A column of a result.
public struct SQLiteColumn: Sendable, Hashable {
    /// Its name.
    public let name: String
}
