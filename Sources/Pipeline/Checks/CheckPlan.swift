internal import Metadata
internal import Postgres

/// The SQL of checks over the current rows. Pure: a subject in, statements out.
struct CheckPlan {
    let subject: CheckSubject

    private var rows: SQLText { subject.rows }

    /// The number of violations as an expression over one scan of the rows; nil for `sql`, which is a statement of its own.
    func violations(of check: Check) -> SQLText? {
        switch check.rule {
        case .notNull, .oneOf, .range:
            guard let condition = condition(of: check) else { return nil }
            return "count(*) FILTER (WHERE \(fragment: condition))"
        case .minRows(let number): return "greatest(0, \(literal: String(number))::bigint - count(*))"
        case .maxRows(let number): return "greatest(0, count(*) - \(literal: String(number))::bigint)"
        case .unique(let columns): return "(SELECT count(*) FROM (\(fragment: repeated(columns))) AS repeated)"
        case .references:
            return "(SELECT count(*) FROM \(fragment: rows) AS t WHERE \(fragment: orphaned(check)))"
        case .sql: return nil
        }
    }

    /// The one statement that counts the violations of several checks: one row, since it ends in an aggregate whatever
    /// the expressions are.
    func count(_ expressions: [SQLText]) -> SQLText {
        "SELECT \(fragment: expressions.joined(separator: ", ")), count(*) FROM \(fragment: rows)"
    }

    /// The statement that counts the violations of one check.
    func count(of check: Check) -> SQLText {
        if let expression = violations(of: check) { return count([expression]) }
        return "SELECT count(*) FROM (\n\(fragment: statement(of: check))\n) AS violations"
    }

    /// At most three violations as text, one column; nil where there is nothing to show.
    func samples(of check: Check) -> SQLText? {
        switch check.rule {
        case .notNull, .oneOf, .range:
            guard let condition = condition(of: check) else { return nil }
            return keys(where: condition)
        case .references: return keys(where: orphaned(check))
        case .unique(let columns):
            return """
                SELECT sample FROM (SELECT \(fragment: text(of: columns)) AS sample
                    FROM (\(fragment: repeated(columns))) AS t) AS samples
                ORDER BY sample COLLATE "C" LIMIT 3
                """
        case .minRows, .maxRows: return nil
        case .sql:
            return """
                SELECT pg_catalog.left(pg_catalog.to_json(violations.*)::text, 80) FROM (
                \(fragment: statement(of: check))
                ) AS violations LIMIT 3
                """
        }
    }

    // MARK: -

    private func condition(of check: Check) -> SQLText? {
        switch check.rule {
        case .notNull(let columns):
            return columns.map { "\(identifier: $0) IS NULL" as SQLText }.joined(separator: " OR ")
        case .oneOf(let column, let values):
            let literals = values.map { "\(literal: $0)" as SQLText }
            return "NOT (\(identifier: column) IN (\(fragment: literals.joined(separator: ", "))))"
        case .range(let column, let low, let high):
            let bounds: [SQLText?] = [
                low.map { "\(identifier: column) < \(literal: $0)" },
                high.map { "\(identifier: column) > \(literal: $0)" },
            ]
            return bounds.compactMap { $0 }.joined(separator: " OR ")
        case .unique, .references, .minRows, .maxRows, .sql: return nil
        }
    }

    private func repeated(_ columns: [String]) -> SQLText {
        let present = columns.map { "\(identifier: $0) IS NOT NULL" as SQLText }
        return """
            SELECT \(identifiers: columns) FROM \(fragment: rows) WHERE \(fragment: present.joined(separator: " AND "))
            GROUP BY \(identifiers: columns) HAVING count(*) > 1
            """
    }

    private func orphaned(_ check: Check) -> SQLText {
        guard case .references(let column, let target, let key) = check.rule else {
            preconditionFailure("only a check of references has orphans")
        }
        let schema = subject.silverSchemas[target.system] ?? "silver"
        return """
            t.\(identifier: column) IS NOT NULL AND NOT EXISTS (
                SELECT FROM \(table: schema, target.table + "_current") AS r
                WHERE r.\(identifier: key) = t.\(identifier: column))
            """
    }

    private func keys(where condition: SQLText) -> SQLText? {
        guard !subject.keys.isEmpty else { return nil }
        return """
            SELECT sample FROM (SELECT \(fragment: text(of: subject.keys)) AS sample
                FROM \(fragment: rows) AS t WHERE \(fragment: condition)) AS samples
            ORDER BY sample COLLATE "C" LIMIT 3
            """
    }

    /// Values as one short text.
    private func text(of columns: [String]) -> SQLText {
        let values = columns.map { "coalesce(t.\(identifier: $0)::text, 'NULL')" as SQLText }
        return "pg_catalog.left(pg_catalog.concat_ws(' | ', \(fragment: values.joined(separator: ", "))), 80)"
    }

    private func statement(of check: Check) -> SQLText {
        guard case .sql(let text) = check.rule else { preconditionFailure("only a check of type sql is a statement") }
        return "\(verbatim: CheckStatement.text(text, rows: rows.text))"
    }
}
