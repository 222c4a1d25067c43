internal import JSON
internal import Metadata
internal import Postgres
internal import Primitives

/// The documents of bronze, read by today's metadata: their hashes, and their values as silver would show them.
struct LoggedDocuments: ~Copyable {
    private let entity: Entity
    private var reader: DocumentReader

    init(_ table: NamedTable) {
        entity = table.entity
        reader = DocumentReader(ofLog: entity, timezone: table.system.timezone)
    }

    /// The hash of the overwritten and that of the versioned columns; nil where the document no longer fits.
    mutating func hashes(of document: String) -> (overwritten: UUIDValue, versioned: UUIDValue)? {
        guard read(document) else { return nil }
        return (reader.overwrittenHash(), reader.versionedHash())
    }

    /// The overwritten columns that differ between two documents.
    mutating func differences(
        from old: String, to new: String, _ personal: PersonalData, on connection: PostgresConnection
    ) async throws -> [Trace.Difference] {
        let columns = entity.columns.indices.filter { index in
            let column = entity.columns[index]
            return column.isStored && !column.isKey && entity.role(of: column) == .scd1
        }
        guard !columns.isEmpty, read(old) else { return [] }
        let before = columns.map { literal($0) }
        guard read(new) else { return [] }
        let after = columns.map { literal($0) }
        let row = try await connection.query("SELECT \(fragment: (before + after).joined(separator: ", "))")[0]
        var differences: [Trace.Difference] = []
        for (position, index) in columns.enumerated() {
            let column = entity.columns[index]
            let was: String? = try row.get(position)
            let now: String? = try row.get(columns.count + position)
            guard !SilverText.areEqual(was, now) else { continue }
            differences.append(
                Trace.Difference(
                    column: column.name, old: personal.shown(was, of: column), new: personal.shown(now, of: column)))
        }
        return differences
    }

    private mutating func read(_ document: String) -> Bool {
        var window = RecordWindow(.lines, paths: DocumentReader.paths(of: entity))
        window.append(Array(document.utf8).span)
        window.extract()
        if case .accepted = reader.read(window, 0) { return true }
        return false
    }

    /// The value of the document just read, cast to the type of silver and back to text.
    private func literal(_ index: Int) -> SQLText {
        let type = SilverTable.type(of: entity.columns[index])
        return "(\(text(of: index))::text)::\(verbatim: type)::text"
    }

    private func text(of index: Int) -> String? {
        guard !reader.row.isNull(index) else { return nil }
        let value = reader.row.canonical(index)
        switch entity.columns[index].type {
        case .boolean: return value.first == 1 ? "true" : "false"
        case .uuid, .binary:
            let digits = Array("0123456789abcdef".utf8)
            let hex = String(decoding: value.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
            return entity.columns[index].type == .uuid ? hex : "\\x" + hex
        default: return reader.text(of: index)
        }
    }
}

/// Values in the server's text form.
enum SilverText {
    static func areEqual(_ left: String?, _ right: String?) -> Bool {
        switch (left, right) {
        case (nil, nil): true
        case (let left?, let right?): left.utf8.elementsEqual(right.utf8)
        default: false
        }
    }
}
