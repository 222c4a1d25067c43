import Pipeline
import Postgres
import TestKit
import Testing

@Suite("The platform's migrations", .fewAtOnce)
struct PlatformMigrationTests {
    /// A run with a step of each kind, as the version before wrote them: ten seconds, but for `still`.
    private static let runBefore = """
        INSERT INTO audit.system_run (run_id, run_timestamp, system_id, status, started_at, finished_at, trigger_type,
            metadata_hash, app_version, host, pid, heartbeat_at, fence)
        VALUES ('00000000-0000-0000-0000-000000000001', '2026-01-01Z', 's', 'failed', '2026-01-01Z', '2026-01-02Z',
            'manual', '00000000-0000-0000-0000-000000000009', '1', 'h', 1, '2026-01-01Z', 1);
        INSERT INTO audit.system_layer_run (system_layer_run_id, run_id, run_timestamp, system_id, layer, status,
            started_at, finished_at)
        VALUES ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', '2026-01-01Z', 's',
            'raw', 'failed', '2026-01-01Z', '2026-01-02Z');
        INSERT INTO audit.entity_layer_run (entity_layer_run_id, system_layer_run_id, run_id, run_timestamp, system_id,
            layer, entity_name, status, started_at, finished_at, nr_records_in, nr_records_inserted, bytes_in,
            peak_memory_bytes, skip_reason)
        SELECT pg_catalog.gen_random_uuid(), '00000000-0000-0000-0000-000000000002',
            '00000000-0000-0000-0000-000000000001', '2026-01-01Z', 's', 'raw', name, status, '2026-01-01 00:00Z',
            '2026-01-01 00:00Z'::timestamptz + seconds * INTERVAL '1 second', records, records, bytes, memory, reason
        FROM (VALUES
            ('done', 'succeeded', 10, 25, 12345, 7000000, NULL), ('empty', 'succeeded', 10, 0, 0, 7000000, NULL),
            ('failed', 'failed', 10, 25, 12345, 7000000, NULL), ('running', 'running', NULL, 25, 12345, 7000000, NULL),
            ('skipped', 'skipped', 0, 0, 0, NULL, 'no_input'), ('still', 'succeeded', 0, 25, 12345, 7000000, NULL),
            ('turned_back', 'succeeded', -3600, 25, 12345, 7000000, NULL),
            ('long', 'succeeded', 3000000, 9000000000, 90000000000000, 7000000, NULL)
        ) AS steps (name, status, seconds, records, bytes, memory, reason);
        """

    @Test("bring throughput to a database of the version before, with its runs and views of others on it")
    func throughput() async throws {
        let connection = try await PostgresConnection.connect(
            try await TestCluster.shared.database(), applicationName: "story")
        _ = try await Migrations.platform(first: 4, appVersion: "test").apply(on: connection)
        try await connection.executeScript(Self.runBefore)
        try await connection.executeScript(
            """
            CREATE VIEW public.mine AS SELECT d.*, h.last_succeeded_at, s.median_s
            FROM audit.v_run_detail d JOIN audit.v_entity_health h USING (entity_name)
            LEFT JOIN audit.v_duration_stats s USING (entity_name)
            """)
        #expect(
            try await Migrations.platform(appVersion: "test").apply(on: connection) == [
                "0005_throughput", "0006_accepted_documents", "0007_scopes", "0008_orders", "0009_times",
                "0010_gold_state",
            ])
        func rows(_ view: SQLText) async throws -> [String] {
            try await connection.query(
                """
                SELECT concat_ws(' ', entity_name, coalesce(records_per_second::text, '-'),
                    coalesce(bytes_per_second::text, '-'), coalesce(cpu_ms::text, '-'),
                    coalesce(peak_memory_bytes::text, '-')) FROM \(fragment: view) ORDER BY 1
                """
            ).map { try $0.get(0) }
        }
        let steps = [
            "done 2.500 1235 - 7000000", "empty - - - 7000000", "failed - - - 7000000",
            "long 3000.000 30000000 - 7000000", "running - - - 7000000", "skipped - - - -", "still - - - 7000000",
            "turned_back - - - 7000000",
        ]
        expect(try await rows("audit.entity_layer_run"), equals: steps)
        expect(try await rows("audit.v_run_detail"), equals: steps)
        expect(try await rows("audit.v_entity_health"), equals: steps)
        expect(
            try await connection.query(
                """
                SELECT concat_ws(' ', entity_name, nr_runs, median_s, max_s::int, median_records_per_second,
                    median_bytes_per_second, median_cpu_ms, max_peak_memory_bytes)
                FROM audit.v_duration_stats WHERE entity_name = 'done'
                """
            ).map { try $0.get(0, as: String.self) }, equals: ["done 1 10 10 2.5 1235 7000000"])
        expect(
            try await connection.query("SELECT count(*) FROM public.mine")[0].get(0, as: Int.self), equals: steps.count)
        try await connection.execute(
            "UPDATE audit.entity_layer_run SET status = 'succeeded', finished_at = '2026-01-01 00:00:02Z' "
                + "WHERE entity_name = 'running'")
        #expect(try await rows("audit.v_run_detail").contains("running 12.500 6173 - 7000000"))
        await connection.close()
    }
}
