public import ConnectorKit
import JSON
public import Metadata

/// What an entity of a database reads: an entity's `source` for `postgres`, `sqlite` and `mysql`.
///
/// ```json
/// {"table": "sales.orders", "where": "region = 'EU'", "columns": ["id", "total", "updated_at"], "chunk_rows": 100000}
/// {"query": "SELECT o.*, c.country FROM orders o JOIN customers c USING (customer_id) WHERE o.changed >= :from"}
/// ```
/// In `query` and `where`, `:from` and `:until` are the bounds of the window, `:system` and `:entity` the names of the
/// load: bound values, never text of the statement. In a full load `:from` is the least value of the cursor's type.
public struct SQLSource: ConnectorConfiguration {
    var table: String?
    var query: String?
    var `where`: String?
    var columns: [String]?
    var chunkRows: Int?

    /// Every attribute.
    public static let fields = [
        Field(
            "table", .string,
            "The table or view, with its schema or database where that is not the connection's: sales.orders. A name "
                + "with a dot stands in double quotes. Either table or query."),
        Field(
            "query", .string,
            "One SELECT or WITH instead of a table. :from, :until, :system and :entity are bound values; one with :from "
                + "limits itself, any other is limited to the window of a delta load from outside."),
        Field("where", .string, "A condition on the table's rows; may use the same bound values."),
        Field("columns", .array(.string), "The table's columns to read; by default all, new ones too."),
        Field(
            "chunk_rows", .int(1...100_000_000),
            "Rows that one statement reads, in the order of the entity's key; by default one statement reads all."),
    ]

    /// JSON Lines, once everything that it says can be read in the dialect.
    /// - Parameter checkTable: Objects to a table's name that the database cannot have.
    /// - Throws: `ConnectorError` that names the attribute.
    func shape(_ dialect: SQLDialect, _ checkTable: (String) throws -> Void) throws -> DocumentShape {
        let source = try checked()
        if let table = source.table { try checkTable(table) }
        if let query = source.query, !(try SQLTemplate(query, dialect, attribute: "source.query").isQuery) {
            throw ConnectorError("source.query is no query", hint: "begin it with SELECT or WITH")
        }
        if let condition = source.where { _ = try SQLTemplate(condition, dialect, attribute: "source.where") }
        return DocumentShape(format: .jsonl)
    }

    /// What it says, checked: a source is a table or a query, and a query has neither condition nor columns.
    func checked() throws -> SQLSource {
        switch (table, query) {
        case (nil, nil):
            throw ConnectorError("source names neither a table nor a query", hint: #"add "table" or "query""#)
        case (.some, .some):
            throw ConnectorError("source names a table and a query", hint: "keep one of them")
        case (nil, .some) where self.where != nil || columns != nil:
            throw ConnectorError(
                "source.where and source.columns are for tables", hint: "write them into the query itself")
        default: return self
        }
    }

    /// What errors call it.
    var title: String { table.map { "table \($0)" } ?? "the query" }
}

extension ConnectorError {
    /// The same failure, said of an entity and what it reads.
    func named(_ entity: Entity, _ source: SQLSource) -> ConnectorError {
        var error = self
        error.message = "entity \(entity.id), \(source.title): \(message)"
        return error
    }
}
