internal import Metadata
internal import Postgres
internal import Primitives

/// The scopes that a full batch tells, collected while its keys are read: what is live in them and not in the batch is deleted.
struct BatchScopes: Sendable {
    private enum Kind {
        /// Every key there is.
        case all
        /// The keys with one of the batch's values of `full_scope`.
        case values
        /// The items below the batch's parents.
        case parents
    }

    /// A statement names so many values of `full_scope`; a batch of more goes the long way.
    private static let mostValues = 10_000

    private let kind: Kind
    private var values: Set<UUIDValue> = []
    private var parentsAreDistinct = true
    /// Rows of `ParentScopes.table`.
    private var rows = ByteSpool()

    /// None yet.
    init(of entity: Entity) {
        kind = entity.explosion != nil ? .parents : entity.fullScope != nil ? .values : .all
    }

    /// Notes the scope of the record that the reader read last.
    mutating func see(_ reader: borrowing DocumentReader) {
        guard kind == .values, let scope = reader.scope else { return }
        values.insert(scope)
    }

    /// Notes the parents of the documents that were read, and behind the last window, those that are left.
    mutating func takeParents(of records: borrowing BatchReader, isLast: Bool = false) throws {
        if let told = records.takeParents(isLast: isLast) { try rows.append(told) }
        if isLast { parentsAreDistinct = try records.areParentsDistinct() }
    }

    /// What is true of the last changes within these scopes, as far as they are not all; for which the parents are brought to
    /// the server. nil where the batch must go the long way: it has too many scopes, or one parent several times.
    func condition(_ scopes: ParentScopes?, on connection: PostgresConnection) async throws -> SQLText? {
        switch kind {
        case .all: return "true"
        case .values:
            guard values.count <= Self.mostValues else { return nil }
            guard !values.isEmpty else { return "false" }
            let literals = values.map { SQLText("\(literal: $0)") }
            return "_scope IN (\(fragment: literals.joined(separator: ", ")))"
        case .parents:
            guard let scopes, parentsAreDistinct else { return nil }
            try await scopes.fill(with: rows, on: connection)
            return "_scope IN (SELECT _scope FROM \(fragment: scopes.table.scopes))"
        }
    }
}
