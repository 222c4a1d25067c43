import ConnectorKit
import Metadata
import SQLite

/// What the file's own schema tells.
struct SQLiteCatalogue {
    let connection: SQLiteConnection

    /// Drafts of entities, by name. Declared types bind nobody in SQLite, so the first thousand rows have a say.
    func entities() async throws -> [DiscoveredEntity] {
        let found = try await connection.query(
            """
            SELECT s.name, p.name, p.type, p."notnull", p.pk FROM sqlite_schema AS s, pragma_table_xinfo(s.name) AS p
            WHERE s.type IN ('table', 'view') AND s.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND p.hidden <> 1
            ORDER BY s.name, p.cid
            """)
        var drafts: [(draft: CatalogueDraft, key: [(Int64, String)])] = []
        for row in found {
            guard let table = row[0].text, let column = row[1].text else { continue }
            if drafts.last?.draft.nameParts != [table] {
                drafts.append((CatalogueDraft(table: RelationName.text([table]), nameParts: [table]), []))
            }
            let position = row[4].integer ?? 0
            if position > 0 { drafts[drafts.count - 1].key.append((position, column)) }
            let (type, confidence) = try await type(of: column, declared: row[2].text ?? "", in: table)
            drafts[drafts.count - 1].draft.add(
                column, type, isNullable: row[3].integer == 0 && position == 0, confidence: confidence)
        }
        return drafts.map { entry in
            var draft = entry.draft
            draft.key = entry.key.sorted { $0.0 < $1.0 }.map(\.1)
            return draft.entity
        }
    }

    private func type(
        of column: String, declared: String, in table: String
    ) async throws -> (ColumnType, Confidence) {
        let (name, relation) = (SQLDialect.sqlite.quoted(column), SQLDialect.sqlite.quoted(table))
        let kinds = try await connection.query(
            """
            SELECT kind, count(*) FROM (SELECT typeof(\(name)) AS kind FROM \(relation) LIMIT 1000)
            WHERE kind <> 'null' GROUP BY kind
            """)
        let stored = Set(kinds.compactMap { $0[0].text })
        let count = kinds.reduce(0) { $0 + Int($1[1].integer ?? 0) }
        let wanted = Self.type(declared)
        guard count > 0 else { return (wanted, .declared) }
        switch stored {
        case ["integer"]: return (wanted == .text || wanted.isMoment ? .bigint : wanted, .sampled(records: count))
        case ["real"], ["integer", "real"]: return (wanted.isNumeric ? wanted : .double, .sampled(records: count))
        case ["blob"]: return (.binary, .sampled(records: count))
        case ["text"]: return (wanted.isMoment ? wanted : .text, .sampled(records: count))
        default: return (.text, .sampled(records: count))
        }
    }

    /// By the words of a declaration, in the spirit of SQLite's own rules (https://www.sqlite.org/datatype3.html#affname).
    static func type(_ declared: String) -> ColumnType {
        let words = declared.uppercased()
        let type = words.prefix { $0 != "(" }
        if type.contains("TIMESTAMPTZ") || type.contains("WITH TIME ZONE") { return .timestamptz }
        if type.contains("DATETIME") || type.contains("TIMESTAMP") { return .timestamp }
        if type.contains("DATE") { return .date }
        if type.contains("INT") || type.contains("BOOL") { return .bigint }
        if type.contains("CHAR") || type.contains("CLOB") || type.contains("TEXT") { return .text }
        if type.contains("BLOB") { return .binary }
        if type.contains("REAL") || type.contains("FLOA") || type.contains("DOUB") { return .double }
        if type.contains("DEC") || type.contains("NUM") { return .numeric(precision: nil, scale: nil) }
        return .text
    }
}

extension ColumnType {
    fileprivate var isMoment: Bool { [.date, .timestamp, .timestamptz].contains(self) }
    fileprivate var isNumeric: Bool { self == .numeric(precision: nil, scale: nil) || self == .double }
}
