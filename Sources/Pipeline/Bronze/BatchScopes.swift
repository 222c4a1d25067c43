internal import Metadata
internal import Postgres
internal import Primitives

/// The scopes that a full batch tells, collected while its keys are read: what is live in them and not in the batch is deleted.
struct BatchScopes: Sendable {
    /// A statement names so many values of `full_scope`; a batch of more goes the long way.
    private static let mostValues = 10_000

    /// True for items, whose scopes are their parents; false for values of `full_scope`.
    private let areParents: Bool
    /// How many records have each value.
    private var values: [UUIDValue: Int] = [:]
    private var parentsAreDistinct = true
    /// Rows of `ParentScopes.table`.
    private var rows = ByteSpool()

    /// None yet; nil where a full batch tells every key there is.
    init?(of entity: Entity) {
        guard entity.explosion != nil || entity.fullScope != nil else { return nil }
        areParents = entity.explosion != nil
    }

    /// False where the batch must go the long way: it has too many scopes, or one parent several times.
    var areFewAndDistinct: Bool { values.count <= Self.mostValues && parentsAreDistinct }

    /// Notes the scope of the record that the reader read last.
    mutating func see(_ reader: borrowing DocumentReader) {
        if !areParents, let scope = reader.scope { values[scope, default: 0] += 1 }
    }

    /// Notes the parents of the documents that were read, and behind the last window, those that are left.
    mutating func takeParents(of records: borrowing BatchReader, isLast: Bool = false) throws {
        if let told = records.takeParents(isLast: isLast) { try rows.append(told) }
        if isLast { parentsAreDistinct = try records.areParentsDistinct() }
    }

    /// A record that was seen is rejected, and tells no scope. False where its scope may be one that no other record tells.
    mutating func drop(
        _ records: borrowing BatchReader, _ index: Int, keyIsKnown: Bool, _ reader: inout DocumentReader
    ) -> Bool {
        guard keyIsKnown, !areParents else { return keyIsKnown }
        guard reader.readKey(records.window, index), let scope = reader.scope, let count = values[scope] else {
            return false
        }
        values[scope] = count - 1
        return count > 1
    }

    /// What is true of the last changes within these scopes; for which parents are brought to the server.
    func condition(_ parents: ParentScopes?, on connection: PostgresConnection) async throws -> SQLText {
        if let parents {
            try await parents.fill(with: rows, on: connection)
            return "_scope IN (SELECT _scope FROM \(fragment: parents.table.scopes))"
        }
        guard !values.isEmpty else { return "false" }
        return "_scope IN (\(fragment: values.keys.map { "\(literal: $0)" }.joined(separator: ", ")))"
    }
}
