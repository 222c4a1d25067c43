import Metadata
import Primitives

/// The names that gold SQL may use, and what they mean for the graph.
struct GoldScope {
    /// What to write instead of a name that gold SQL may not use.
    static let allowed = "silver.<table>, silver.<table>_current, silver.<table>_asof(…) or gold.<script>"

    /// A name that cannot be used: what is wrong, what would be right, and the nearest right name.
    struct Refusal: Error {
        var what: String
        var expected: String
        var nearest: String?
    }

    let catalog: Catalog
    private var relations: [String: Relation] = [:]
    private var functions: [String: Relation] = [:]
    private var silverSchemas: Set<String> = ["silver"]

    init(catalog: Catalog, scripts: [String]) {
        self.catalog = catalog
        for system in catalog.systems {
            let schema = system.schemas.silver
            silverSchemas.insert(schema)
            for entity in catalog.entities(of: system.id) {
                let table = entity.id.table
                relations["\(schema).\(table)"] = .silver(table)
                relations["\(schema).\(table)_current"] = .silver(table)
                functions["\(schema).\(table)_asof"] = .silver(table)
            }
        }
        for script in scripts { relations["gold.\(script)"] = .gold(script) }
    }

    /// True for a schema that holds silver tables, or gold.
    func isSilver(_ schema: String?) -> Bool { schema.map { $0 == "gold" || silverSchemas.contains($0) } ?? false }

    /// What a table or view in FROM means.
    func relation(schema: String?, name: String) throws(Refusal) -> Relation {
        guard let schema else {
            let known = relations.keys.map { String($0.drop { $0 != "." }.dropFirst()) }
            let near = nearestName(to: name, among: known)
            let qualified = relations.keys.sorted().first { $0.hasSuffix(".\(near ?? "")") }
            throw Refusal(what: "'\(name)' has no schema", expected: "qualify it: silver.\(name)", nearest: qualified)
        }
        if let relation = relations["\(schema).\(name)"] { return relation }
        guard schema == "gold" || silverSchemas.contains(schema) else {
            throw Refusal(what: "gold cannot read '\(schema).\(name)'", expected: Self.allowed)
        }
        let kind = schema == "gold" ? "gold script" : "silver table"
        throw Refusal(
            what: "unknown \(kind) '\(schema).\(name)'",
            expected: schema == "gold" ? "the name of a file in sql/gold" : "a table of the metadata",
            nearest: nearestName(to: "\(schema).\(name)", among: relations.keys))
    }

    /// What a function means: nil for one of PostgreSQL's own.
    func function(schema: String?, name: String) throws(Refusal) -> Relation? {
        guard let schema, schema != "pg_catalog" else { return nil }
        if let relation = functions["\(schema).\(name)"] { return relation }
        throw Refusal(
            what: "gold cannot call '\(schema).\(name)'",
            expected: "silver.<table>_asof(…) or a function of pg_catalog",
            nearest: nearestName(to: "\(schema).\(name)", among: functions.keys))
    }

    /// Types, too, are PostgreSQL's own only: a row type would tie a table to its readers.
    func checkType(schema: String?, name: String) throws(Refusal) {
        guard let schema, schema != "pg_catalog" else { return }
        throw Refusal(what: "gold cannot use the type '\(schema).\(name)'", expected: "a type of pg_catalog")
    }
}
