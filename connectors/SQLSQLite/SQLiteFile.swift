import ConnectorKit
import Foundation
import SQLite

/// The file, how it is opened, and how it fails.
struct SQLiteFile: Sendable {
    let path: String
    let busyMilliseconds: Int

    /// The file open, its transaction begun.
    func connect() async throws -> SQLiteConnection {
        guard FileManager.default.fileExists(atPath: path) else {
            throw ConnectorError("there is no file \(path)", hint: "correct connection.path")
        }
        do {
            let connection = try await SQLiteConnection.open(path, busyMilliseconds: busyMilliseconds)
            try await connection.begin()
            return connection
        } catch let error as SQLiteError {
            throw failure(error)
        }
    }

    /// Lends the open file, and says failures in the connector's words.
    func reading<Result>(_ body: (SQLiteConnection) async throws -> Result) async throws -> Result {
        let connection = try await connect()
        do {
            let result = try await body(connection)
            await connection.close()
            return result
        } catch {
            await connection.close()
            throw (error as? SQLiteError).map(failure) ?? error
        }
    }

    /// Tables and views, by name.
    func tables(_ connection: SQLiteConnection) async throws -> [String] {
        try await connection.query(
            """
            SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
            ORDER BY name
            """
        ).compactMap { $0.first?.text }
    }

    /// A table's name: SQLite compares names without case, and a file is all that there is of schemas.
    static func name(_ table: String) throws -> String {
        let name = try RelationName(table)
        guard let schema = name.schema, schema.lowercased() != "main" else { return name.name }
        throw ConnectorError(
            "source.table '\(table)': there is only one schema, main", hint: "write the table's name alone")
    }

    /// SQLite's refusal as the connector's own error.
    func failure(_ error: SQLiteError) -> ConnectorError {
        if error.isMalformed {
            return ConnectorError(
                "\(path): \(error)", kind: .parse, hint: "check that it is an SQLite database, and whole")
        }
        if error.isTransient {
            return ConnectorError(
                "\(path): \(error)", hint: "another program has it locked; raise connection.busy_timeout_s",
                isTransient: true)
        }
        if error.isUnreadable {
            return ConnectorError(
                "\(path): \(error)", kind: .auth,
                hint:
                    "make the file readable for this user; in WAL mode its folder writable too, or its -shm file present"
            )
        }
        if error.isWrite {
            return ConnectorError("\(error)", hint: "sources are only read; write a plain SELECT")
        }
        return ConnectorError("\(error)", hint: "correct source.query or source.where")
    }
}

extension SQLiteValue {
    /// The text of a text value.
    var text: String? {
        guard case .text(let bytes) = self else { return nil }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The number of an integer value.
    var integer: Int64? {
        guard case .integer(let number) = self else { return nil }
        return number
    }
}
