internal import Hashing
internal import Metadata
internal import Postgres
internal import Primitives

/// The rows that checks look at, and what may be told about them.
struct CheckSubject: Sendable {
    /// Whose results they are: `shop.orders`, `gold.country_overview`.
    let id: EntityID
    /// The table or view that holds just the current rows.
    let rows: SQLText
    let checks: [Check]
    /// Columns that tell rows apart, for samples; may be empty.
    let keys: [String]
    /// Columns whose values are never shown.
    let personal: Set<String>
    /// The schema of silver of each system that checks refer to.
    let silverSchemas: [SystemID: String]

    /// The current rows of an entity.
    init(_ entity: Entity, schema: String, catalog: Catalog) {
        id = entity.id
        rows = "\(table: schema, entity.id.table + "_current")"
        checks = entity.checks
        keys = entity.keyColumns.filter(\.isStored).map(\.name)
        personal = Set(entity.columns.filter { $0.pii != .none }.map(\.name))
        silverSchemas = CheckSubject.schemas(of: catalog)
    }

    /// The result of a gold script.
    init(_ script: GoldScript, catalog: Catalog) {
        id = EntityID(system: .gold, name: script.name)
        rows = "\(table: "gold", script.name)"
        checks = script.checks
        keys = script.key
        personal = []
        silverSchemas = CheckSubject.schemas(of: catalog)
    }

    private static func schemas(of catalog: Catalog) -> [SystemID: String] {
        Dictionary(catalog.systems.map { ($0.id, $0.schemas.silver) }) { first, _ in first }
    }
}

extension Check {
    /// Another definition has another hash; the severity is no part of what is evaluated, but of what follows.
    var definitionHash: UUIDValue { XXH3.hash128(Array("\(severity.rawValue) \(rule)".utf8).span) }

    /// What the rule demands, for people.
    var title: String {
        switch rule {
        case .notNull(let columns): "not_null of \(columns.joined(separator: ", "))"
        case .unique(let columns): "unique of \(columns.joined(separator: ", "))"
        case .oneOf(let column, _): "in of \(column)"
        case .range(let column, let low, let high): "range \(low ?? "")..\(high ?? "") of \(column)"
        case .minRows(let number): "min_rows \(number)"
        case .maxRows(let number): "max_rows \(number)"
        case .references(let column, let target, let key): "references of \(column) to \(target).\(key)"
        case .sql: "sql"
        }
    }
}
