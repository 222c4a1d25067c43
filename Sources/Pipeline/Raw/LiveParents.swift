internal import ConnectorKit
internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// The current rows of an entity for each of which another one is asked (`for_each`), read in pages by key.
struct LiveParents {
    /// Rows of one page.
    private static let pageSize = 1000

    let table: SilverTable
    let columns: [String]
    /// Only rows that were touched at this instant or later; nil for all.
    let touchedAfter: Instant?
    let pool: PostgresPool

    /// The rows, as objects of the columns. Types are kept as JSON keeps them.
    var rows: ParentRows { ParentRows { place in try await page(behind: place) } }

    private func page(behind place: String?) async throws -> ParentRows.Page {
        let query = query(behind: place)
        return try LiveParents.page(of: await pool.withConnection { try await $0.query(query) })
    }

    private func query(behind place: String?) -> SQLText {
        let members: [SQLText] = columns.map { "\(literal: $0), \(identifier: $0)" }
        var condition = table.isOpen()
        if let touchedAfter { condition = "\(fragment: condition) AND _updated_at >= \(touchedAfter)" }
        if let place { condition = "\(fragment: condition) AND _key_hash > \(place)::text::uuid" }
        return """
            SELECT _key_hash::text AS place, json_build_object(\(fragment: members.joined(separator: ", ")))::text AS doc
            FROM \(fragment: table.history) WHERE \(fragment: condition) ORDER BY _key_hash LIMIT \(Self.pageSize)
            """
    }

    private static func page(of found: PostgresResult) throws -> ParentRows.Page {
        let rows = try found.map { try JSONReader.parse(Array($0.get("doc", as: String.self).utf8)) }
        return ParentRows.Page(
            rows: rows, next: found.count < pageSize ? nil : try found.last?.get("place", as: String.self))
    }
}
