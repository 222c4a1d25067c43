internal import Metadata
internal import Postgres

/// Looks who keeps a system's statements waiting: a session with an open transaction that holds what they need.
///
/// A run waits for it as long as it takes, for nothing is wrong but the hour; whoever started the run wants to know for whom.
struct LockWatch: Sendable {
    /// One of our sessions that waits for another one.
    struct Wait {
        struct Sessions: Hashable {
            let waiter, holder: Int32
        }

        let sessions: Sessions
        /// What is to be told, in a line.
        let text: String
    }

    private let system: SystemID
    /// What only statements of the system's own run lock: its tables, and what gold reads.
    private let tables: [String]
    private let pool: String
    /// How long a wait is none to speak of.
    private let patience: Duration

    init(_ system: SystemID, in workspace: Workspace) {
        self.system = system
        tables =
            system == .gold
            ? workspace.gold.order.flatMap { script in
                [script.name] + script.inputs.compactMap { if case .silver(let table) = $0 { table } else { nil } }
            } : workspace.catalog.entities(of: system).map(\.id.table)
        pool = workspace.pool.applicationName
        patience = workspace.pulse / 2
    }

    /// Our sessions that have waited for half a pulse or more, and for whom: each pair once.
    func look(on connection: PostgresConnection) async throws -> [Wait] {
        try await connection.query(
            """
            SELECT w.pid AS waiter, h.pid AS holder, t.name,
                concat_ws(', ', nullif(h.application_name, '') || ' of ' || h.usename, h.state) AS who
            FROM pg_catalog.pg_locks w
            JOIN pg_catalog.pg_stat_activity a ON a.pid = w.pid AND a.datname = current_database()
                AND (a.application_name = left(\(pool), 63) OR starts_with(a.application_name, left(\(pool) || ' ', 63)))
            CROSS JOIN LATERAL (
                SELECT format('%I.%I', n.nspname, c.relname) AS name
                FROM pg_catalog.pg_locks l
                JOIN pg_catalog.pg_class c ON c.oid = l.relation
                JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE l.pid = w.pid AND (n.nspname = 'audit' AND NOT l.granted OR EXISTS (
                    SELECT FROM unnest(\(tables)) AS o(name)
                    WHERE c.relname = o.name OR starts_with(c.relname, o.name || '__')))
                ORDER BY l.granted, 1 LIMIT 1) t
            CROSS JOIN LATERAL unnest(pg_catalog.pg_blocking_pids(w.pid)) AS b(pid)
            JOIN pg_catalog.pg_stat_activity h ON h.pid = b.pid
            WHERE NOT w.granted AND w.waitstart < clock_timestamp() - \(Int(patience / .milliseconds(1))) * INTERVAL '1 ms'
            ORDER BY 1, 2
            """
        ).map { row in
            let (holder, table, who): (Int32, String, String) = try (row.get("holder"), row.get("name"), row.get("who"))
            return Wait(
                sessions: Wait.Sessions(waiter: try row.get("waiter"), holder: holder),
                text: """
                    \(system): waits for session \(holder) (\(who)) to let go of \(table); goes on when that one ends its \
                    transaction, or is ended: SELECT pg_terminate_backend(\(holder))
                    """)
        }
    }
}
