import Postgres

/// The view `gold.<name>` through which a script's result is reached.
struct GoldView: Sendable {
    /// What the view selects.
    enum Definition: Sendable {
        /// The script's own statement.
        case ownStatement
        /// All of a numbered table.
        case rows(of: String)
    }

    let session: GoldSession
    let graph: GoldGraph

    private var script: GoldScript { session.script }

    /// The role that owns the view; nil where there is none yet.
    func owner() async throws -> String? {
        try await session.query(
            "SELECT viewowner FROM pg_views WHERE schemaname = 'gold' AND viewname = \(script.name)"
        ).first.map { try $0.get(0) }
    }

    /// Creates or redefines the view; grants, comments, options and dependents stay.
    func define(_ definition: Definition) async throws {
        guard let options = try await existingOptions() else { return try await create(definition) }
        do {
            try await session.attempt { try await create(definition, orReplace: true, options: options) }
        } catch let error as GoldError where error.sqlState == "42P16" {
            // Columns were removed, renamed, moved or have another type: a view can only be redefined with more of them.
            try await recreate(definition)
        }
    }

    /// The view's comment; none for an empty text.
    func describe(_ description: String) async throws {
        let comment: SQLText = description.isEmpty ? "NULL" : "\(literal: description)"
        try await session.execute("COMMENT ON VIEW \(table: "gold", script.name) IS \(fragment: comment)")
    }

    /// The WITH clause of the standing view, empty for none; nil where there is no view.
    private func existingOptions() async throws -> SQLText? {
        let found = try await session.query(
            """
            SELECT c.relkind::text, array_to_string(c.reloptions, ', ')
            FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
            WHERE n.nspname = 'gold' AND c.relname = \(script.name)
            """)
        guard let row = found.first else { return nil }
        guard try row.get(0, as: String.self) == "v" else {
            throw GoldError(
                script, "gold.\(script.name) stands in the way: it is no view",
                hint: "rename or drop it, then build again")
        }
        return DependentView.with(options: try row.get(1, as: String?.self))
    }

    private func create(_ definition: Definition, orReplace: Bool = false, options: SQLText = "") async throws {
        let verb: SQLText = orReplace ? "CREATE OR REPLACE VIEW" : "CREATE VIEW"
        let head: SQLText = "\(fragment: verb) \(table: "gold", script.name)\(fragment: options) AS\n"
        switch definition {
        case .ownStatement: try await session.execute(head, script)
        case .rows(let table):
            try await session.execute("\(fragment: head)SELECT * FROM \(table: "gold_data", table)")
        }
    }

    // MARK: Other columns

    /// Drops the view and all that read it, and makes them again with their owners, grants, options and comments.
    private func recreate(_ definition: Definition) async throws {
        // Two builds that recreate the same dependents would see each other's halves: one at a time.
        try await session.execute("SELECT pg_advisory_xact_lock(1735355492)")
        let views = try await DependentView.all(readingGold: script.name, session)
        guard let own = views.first else { return try await create(definition) }
        for view in views {
            guard let obstacle = view.obstacle else { continue }
            throw refusal("\(obstacle) \(view.title)")
        }
        do {
            try await session.execute(DependentView.dropping(views))
        } catch let error as GoldError where error.sqlState == "2BP01" {
            throw refusal("a function, a row type or another object that medallion cannot make again")
        }
        try await create(definition, options: own.options)
        try await own.restore(session)
        for view in views.dropFirst() {
            try await recreate(view)
            try await view.restore(session)
        }
    }

    /// A dependent as it was; where the new columns do not allow that and it is a script's, as its file says now.
    private func recreate(_ view: DependentView) async throws {
        let head: SQLText = "CREATE VIEW \(table: view.schema, view.name)\(fragment: view.options) AS\n"
        do {
            try await session.attempt { try await session.execute(view.creation) }
        } catch let error as GoldError where error.sqlState?.hasPrefix("42") == true {
            let ofScript = view.schema == "gold" ? graph[view.name] : nil
            guard let dependent = ofScript else {
                throw refusal("\(view.title) (\(error.message))")
            }
            do {
                try await session.attempt { try await session.execute(head, dependent) }
            } catch let newer as GoldError where newer.sqlState?.hasPrefix("42") == true {
                throw refusal("\(view.title) (as it stands: \(error.message); by its file: \(newer.message))")
            }
        }
    }

    private func refusal(_ dependent: String) -> GoldError {
        GoldError(
            script, "the columns of gold.\(script.name) change, and it is read by \(dependent)",
            hint: "change or drop that first, or keep the columns and add new ones at the end")
    }
}
