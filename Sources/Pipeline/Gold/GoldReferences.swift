import JSON

/// What a parse tree of libpg_query names, and what in it a gold script may not do.
struct GoldReferences {
    /// A name in the SQL.
    struct Reference {
        enum Kind { case relation, function, type }
        var kind: Kind
        var schema: String?
        var name: String
        /// Offset in bytes.
        var location: Int
    }
    /// Something that is refused, and where; nil = somewhere in the statement.
    struct Refusal {
        var what: String
        var location: Int?
    }

    private(set) var references: [Reference] = []
    private(set) var refusals: [Refusal] = []

    /// Walks a statement's tree.
    init(statement: JSONValue) { visit(statement, known: []) }

    /// `known` holds the names of the WITH queries in scope: a relation without schema may be one of them.
    private mutating func visit(_ value: JSONValue, known: Set<String>) {
        switch value {
        case .array(let elements): for element in elements { visit(element, known: known) }
        case .object(let members):
            let known = value["withClause"].map { visit(with: $0, known: known) } ?? known
            for member in members where member.name != "withClause" {
                inspect(member, known: known)
                visit(member.value, known: known)
            }
        default: break
        }
    }

    /// A WITH query sees those before it; all of them, itself too, where the clause is recursive.
    private mutating func visit(with clause: JSONValue, known: Set<String>) -> Set<String> {
        let queries = clause["ctes"]?.arrayValue?.compactMap { $0["CommonTableExpr"] } ?? []
        let names = queries.compactMap { $0["ctename"]?.stringValue }
        var seen = known
        if clause["recursive"]?.boolValue == true { seen.formUnion(names) }
        for query in queries {
            visit(query, known: seen)
            if let name = query["ctename"]?.stringValue { seen.insert(name) }
        }
        return seen
    }

    private mutating func inspect(_ member: JSONMember, known: Set<String>) {
        let node = member.value
        switch member.name {
        case "RangeVar": addRelation(node, known: known)
        case "FuncCall": add(.function, node["funcname"], at: location(of: node))
        case "typeName", "TypeName": add(.type, node["names"], at: location(of: node))
        case "intoClause": refuse("SELECT INTO", node["rel"])
        case "lockingClause": refuse("FOR UPDATE or FOR SHARE", nil)
        case "InsertStmt": refuse("INSERT", node["relation"])
        case "UpdateStmt": refuse("UPDATE", node["relation"])
        case "DeleteStmt": refuse("DELETE", node["relation"])
        case "MergeStmt": refuse("MERGE", node["relation"])
        case "ParamRef": refuse("a bound parameter", node)
        default: break
        }
    }

    private mutating func addRelation(_ node: JSONValue, known: Set<String>) {
        let schema = node["schemaname"]?.stringValue
        guard let name = node["relname"]?.stringValue, schema != nil || !known.contains(name) else { return }
        if node["catalogname"] != nil { refuse("a table of another database", node) }
        references.append(Reference(kind: .relation, schema: schema, name: name, location: location(of: node)))
    }

    private mutating func add(_ kind: Reference.Kind, _ names: JSONValue?, at location: Int) {
        let parts = names?.arrayValue?.compactMap { $0["String"]?["sval"]?.stringValue } ?? []
        guard let name = parts.last else { return }
        references.append(Reference(kind: kind, schema: parts.dropLast().last, name: name, location: location))
    }

    private mutating func refuse(_ what: String, _ node: JSONValue?) {
        refusals.append(Refusal(what: what, location: node.map(location)))
    }

    /// A location of 0 is left out of the tree.
    private func location(of node: JSONValue) -> Int { node["location"]?.intValue ?? 0 }
}
