internal import JSON
internal import Metadata
internal import SQLGrammar

/// The SELECT of a check of type `sql`: a single one, that only reads, of tables with their schema.
enum CheckStatement {
    /// What stands for the current rows.
    static let placeholder = "{table}"

    /// The statement without final semicolon, `{table}` replaced by a quoted name.
    static func text(_ sql: String, rows: String) -> String {
        let text = sql.replacing(placeholder, with: rows)
        // What cannot be scanned was refused when the metadata was read.
        guard let range = try? SQLGrammar.statements(in: text).first else { return text }
        return String(decoding: Array(text.utf8)[range], as: UTF8.self)
    }

    /// What is wrong with the statements of a catalogue's checks.
    static func problems(in catalog: Catalog) -> [MetadataProblem] {
        let scope = GoldScope(catalog: catalog, scripts: [])
        return catalog.entities.flatMap { entity in
            entity.checks.flatMap { check -> [MetadataProblem] in
                guard case .sql(let sql) = check.rule else { return [] }
                let schema = catalog.system(entity.id.system)?.schemas.silver ?? "silver"
                let parts = check.origin.split(separator: ": ", maxSplits: 1).map(String.init)
                return problems(in: sql, rows: "\(schema).\(entity.id.table)_current", scope: scope).map {
                    MetadataProblem(
                        file: parts.first ?? "", path: "\(parts.last ?? "").sql", what: $0.what, expected: $0.expected,
                        nearest: $0.nearest)
                }
            }
        }
    }

    /// What is wrong with one statement; `rows` is the plain name that `{table}` stands for.
    static func problems(in sql: String, rows: String, scope: GoldScope) -> [GoldScope.Refusal] {
        let text = sql.replacing(placeholder, with: rows)
        let tree: JSONValue
        do {
            tree = try JSONReader.parse(
                try SQLGrammar.parseTree(of: text), deepestNesting: GoldScriptParser.deepestNesting)
        } catch let error as SQLGrammarError {
            return [.init(what: "\(error)", expected: "SQL of PostgreSQL \(SQLGrammar.postgresVersion)")]
        } catch {
            return [.init(what: "the statement nests too deep", expected: "less, for example by WITH queries")]
        }
        let statements = tree["stmts"]?.arrayValue ?? []
        guard statements.count == 1, let statement = statements.first?["stmt"] else {
            return [.init(what: "\(statements.count) statements", expected: "one SELECT")]
        }
        guard statement["SelectStmt"] != nil else {
            return [.init(what: "no SELECT", expected: "one SELECT whose rows are violations")]
        }
        let found = GoldReferences(statement: statement)
        var problems = found.refusals.map { GoldScope.Refusal(what: $0.what, expected: "a SELECT that only reads") }
        for reference in found.references where reference.kind == .relation {
            // Other schemas than silver are the operator's own; the server will judge.
            guard reference.schema == nil || scope.isSilver(reference.schema) else { continue }
            let name = reference.schema.map { "\($0).\(reference.name)" }
            guard name != rows else { continue }
            do throws(GoldScope.Refusal) {
                _ = try scope.relation(schema: reference.schema, name: reference.name)
            } catch {
                problems.append(error)
            }
        }
        return problems
    }
}
