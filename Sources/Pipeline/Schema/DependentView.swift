import Postgres

/// Runs SQL, and words its failures for whoever asked.
protocol StatementSession: Sendable {
    /// Runs one statement and returns the number of rows it touched.
    @discardableResult
    func execute(_ sql: SQLText) async throws -> Int
    /// Runs one query.
    func query(_ sql: SQLText) async throws -> PostgresResult
}

/// The server's own words.
struct PlainSession: StatementSession {
    let connection: PostgresConnection

    func execute(_ sql: SQLText) async throws -> Int { try await connection.execute(sql) }

    func query(_ sql: SQLText) async throws -> PostgresResult { try await connection.query(sql) }
}

/// A view as it stands, with everything that DROP VIEW would lose.
struct DependentView: Sendable {
    /// One privilege on the view, or on one of its columns.
    struct Grant: Hashable, Sendable {
        var privilege: String
        /// nil is PUBLIC.
        var grantee: String?
        var isGrantable: Bool
        var column: String?
    }

    let schema: String
    let name: String
    let definition: String
    let owner: String
    let options: SQLText
    /// Why it cannot be made again, as the beginning of a phrase that its name ends; nil where it can.
    let obstacle: String?
    private let comment: String?
    private let columnComments: [(column: String, text: String)]
    private let grants: Set<Grant>

    /// `reporting.countries`.
    var title: String { "\(schema).\(name)" }

    /// The view `gold.<name>` first, then all that read it, directly or not, each behind what it reads.
    static func all(readingGold name: String, _ session: some StatementSession) async throws -> [DependentView] {
        try await all(
            from: """
                SELECT c.oid, 0 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                WHERE n.nspname = 'gold' AND c.relname = \(name)
                """, session)
    }

    /// All that read one of the columns of a table, in whatever schema, directly or not, each behind what it reads.
    static func all(
        reading columns: [String], of schema: String, _ table: String, _ session: some StatementSession
    ) async throws -> [DependentView] {
        try await all(
            from: """
                SELECT r.ev_class, 1
                FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = ANY (\(columns))
                JOIN pg_depend AS p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = c.oid
                    AND p.refobjsubid = a.attnum AND p.classid = 'pg_rewrite'::regclass
                JOIN pg_rewrite AS r ON r.oid = p.objid AND r.ev_class <> c.oid
                WHERE n.nspname = \(schema) AND c.relname = \(table)
                """, session)
    }

    private static func all(from roots: SQLText, _ session: some StatementSession) async throws -> [DependentView] {
        let rows = try await session.query(
            """
            WITH RECURSIVE dependent (oid, depth) AS (
                \(fragment: roots)
                UNION
                SELECT r.ev_class, d.depth + 1
                FROM dependent AS d
                JOIN pg_depend AS p ON p.refclassid = 'pg_class'::regclass AND p.refobjid = d.oid
                    AND p.classid = 'pg_rewrite'::regclass
                JOIN pg_rewrite AS r ON r.oid = p.objid AND r.ev_class <> d.oid
                WHERE d.depth < 100
            ), ordered AS (SELECT oid, max(depth) AS depth FROM dependent GROUP BY oid)
            SELECT c.oid::bigint AS oid, n.nspname AS schema, c.relname AS name, pg_get_viewdef(c.oid) AS definition,
                pg_get_userbyid(c.relowner) AS owner, array_to_string(c.reloptions, ', ') AS options,
                obj_description(c.oid, 'pg_class') AS comment,
                CASE WHEN c.relkind = 'm' THEN 'the materialized view' WHEN c.relkind <> 'v' THEN 'a rule of'
                    WHEN EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid) THEN 'the view with a trigger'
                    WHEN EXISTS (SELECT FROM pg_rewrite AS r WHERE r.ev_class = c.oid AND r.rulename <> '_RETURN')
                    THEN 'the view with a rule'
                    WHEN EXISTS (SELECT FROM pg_attrdef AS a WHERE a.adrelid = c.oid)
                    THEN 'the view with defaults' END AS obstacle
            FROM ordered AS o JOIN pg_class AS c ON c.oid = o.oid JOIN pg_namespace AS n ON n.oid = c.relnamespace
            ORDER BY o.depth, n.nspname, c.relname
            """)
        var views: [DependentView] = []
        for row in rows { views.append(try await DependentView(row, session)) }
        return views
    }

    private init(_ row: PostgresRow, _ session: some StatementSession) async throws {
        let oid: Int64 = try row.get("oid")
        schema = try row.get("schema")
        name = try row.get("name")
        // NULL for what is no view, which its obstacle keeps from being made.
        let text = try row.get("definition", as: String?.self) ?? ""
        definition = text.hasSuffix(";") ? String(text.dropLast()) : text
        owner = try row.get("owner")
        options = Self.with(options: try row.get("options"))
        comment = try row.get("comment")
        obstacle = try row.get("obstacle")
        columnComments = try await session.query(
            """
            SELECT a.attname, d.description FROM pg_attribute AS a
            JOIN pg_description AS d ON d.classoid = 'pg_class'::regclass AND d.objoid = a.attrelid
                AND d.objsubid = a.attnum
            WHERE a.attrelid = \(oid)::oid ORDER BY a.attnum
            """
        ).map { (try $0.get(0), try $0.get(1)) }
        grants = try await Self.grants(on: "\(oid)::oid", session)
    }

    /// ` WITH (…)`, or nothing.
    static func with(options: String?) -> SQLText {
        // PostgreSQL checked these words when they were set: names and Boolean or enumerated values.
        options.map { " WITH (\(verbatim: $0))" } ?? ""
    }

    // MARK: Making again

    /// Drops the views, the last one first, in one statement.
    static func dropping(_ views: [DependentView]) -> SQLText {
        let names = views.reversed().map { view in "\(table: view.schema, view.name)" as SQLText }
        return "DROP VIEW \(fragment: names.joined(separator: ", "))"
    }

    /// The view as it was.
    var creation: SQLText {
        "CREATE VIEW \(table: schema, name)\(fragment: options) AS\n\(verbatim: definition)"
    }

    /// Everything that makes the view again, as psql would run it.
    var statements: [SQLText] {
        var all = [creation, "ALTER VIEW \(table: schema, name) OWNER TO \(identifier: owner)" as SQLText]
        if let comment { all.append("COMMENT ON VIEW \(table: schema, name) IS \(literal: comment)") }
        for (column, text) in columnComments {
            all.append("COMMENT ON COLUMN \(table: schema, name).\(identifier: column) IS \(literal: text)")
        }
        return all + grants.filter { $0.grantee != owner }.map { granting($0) }.sorted { $0.text < $1.text }
    }

    /// Gives the view, just made again, its owner, grants and comments; those of columns that are gone stay behind.
    func restore(_ session: some StatementSession) async throws {
        let current: String = try await session.query("SELECT current_user")[0].get(0)
        if owner != current {
            try await session.execute("ALTER VIEW \(table: schema, name) OWNER TO \(identifier: owner)")
        }
        if let comment {
            try await session.execute("COMMENT ON VIEW \(table: schema, name) IS \(literal: comment)")
        }
        let columns = Set(try await columns(session))
        for (column, text) in columnComments where columns.contains(column) {
            try await session.execute(
                "COMMENT ON COLUMN \(table: schema, name).\(identifier: column) IS \(literal: text)")
        }
        let oid: SQLText =
            "\(literal: "\(SQLText.quoted(identifier: schema)).\(SQLText.quoted(identifier: name))")::regclass"
        let present = try await Self.grants(on: oid, session)
        for grant in present.subtracting(grants) { try await session.execute(revoking(grant)) }
        for grant in grants.subtracting(present) where grant.column.map(columns.contains) ?? true {
            try await session.execute(granting(grant))
        }
    }

    private func columns(_ session: some StatementSession) async throws -> [String] {
        try await session.query(
            "SELECT column_name::text FROM information_schema.columns WHERE table_schema = \(schema) AND table_name = \(name)"
        ).map { try $0.get(0) }
    }

    private static func grants(on oid: SQLText, _ session: some StatementSession) async throws -> Set<Grant> {
        let rows = try await session.query(
            """
            SELECT acl.privilege_type, role.rolname, acl.is_grantable, acl.attname
            FROM (
                SELECT (aclexplode(coalesce(relacl, acldefault('r', relowner)))).*, NULL::name AS attname
                FROM pg_class WHERE oid = \(fragment: oid)
                UNION ALL
                SELECT (aclexplode(attacl)).*, attname
                FROM pg_attribute WHERE attrelid = \(fragment: oid) AND NOT attisdropped
            ) AS acl LEFT JOIN pg_roles AS role ON role.oid = acl.grantee
            """)
        return Set(
            try rows.map { row in
                Grant(
                    privilege: try row.get(0), grantee: try row.get(1), isGrantable: try row.get(2),
                    column: try row.get(3))
            })
    }

    private func granting(_ grant: Grant) -> SQLText {
        let option: SQLText = grant.isGrantable ? " WITH GRANT OPTION" : ""
        return "GRANT \(fragment: phrase(grant, "TO"))\(fragment: option)"
    }

    private func revoking(_ grant: Grant) -> SQLText { "REVOKE \(fragment: phrase(grant, "FROM"))" }

    /// `SELECT (column) ON schema.view TO role`; privileges are PostgreSQL's own words.
    private func phrase(_ grant: Grant, _ direction: SQLText) -> SQLText {
        let column: SQLText = grant.column.map { " (\(identifier: $0))" } ?? ""
        let grantee: SQLText = grant.grantee.map { "\(identifier: $0)" } ?? "PUBLIC"
        return """
            \(verbatim: grant.privilege)\(fragment: column) ON \(table: schema, name) \
            \(fragment: direction) \(fragment: grantee)
            """
    }
}
