internal import Metadata
internal import Postgres

/// What must hold of the audit's own rows, as SQL: each question counts the rows that break a rule.
struct AuditInvariants {
    /// A rule and how many rows break it.
    struct Rule {
        /// What must hold.
        var what: String
        /// What to do, and where to look, when it does not.
        var hint: String
        /// One row, one count.
        var violations: SQLText
    }

    /// Every rule.
    static let rules: [Rule] = [
        Rule(
            what: "counters of succeeded steps add up",
            hint: "look with: SELECT * FROM audit.v_run_detail; the constraint entity_layer_run_adds_up was dropped",
            violations: """
                SELECT count(*) FROM audit.entity_layer_run WHERE status = 'succeeded' AND NOT CASE layer
                    WHEN 'raw' THEN nr_records_in = nr_records_inserted
                    WHEN 'bronze' THEN nr_records_in = nr_records_inserted + nr_records_updated + nr_records_unchanged
                        + nr_records_duplicate + nr_records_rejected + (nr_records_deleted - nr_records_absent)
                    WHEN 'silver' THEN nr_records_in = nr_records_inserted + nr_records_updated + nr_records_deleted
                        + nr_records_unchanged + nr_records_duplicate + nr_records_late + nr_records_rejected
                    ELSE true END
                """),
        Rule(
            what: "every run under way holds its system's lock",
            hint: "its process vanished; the next run of the system closes it as abandoned",
            violations: """
                SELECT count(*) FROM audit.system_run r
                WHERE r.status = 'running' AND NOT \(fragment: AuditQueries.isLocked)
                """),
        Rule(
            what: "every layer and step of a finished run is finished",
            hint:
                "the run ended without closing them; look with: SELECT * FROM audit.v_run_detail WHERE status = 'running'",
            violations: """
                SELECT (SELECT count(*) FROM audit.system_layer_run l JOIN audit.system_run r USING (run_id)
                        WHERE l.status = 'running' AND r.status <> 'running')
                    + (SELECT count(*) FROM audit.entity_layer_run e JOIN audit.system_run r USING (run_id)
                        WHERE e.status = 'running' AND r.status <> 'running')
                """),
        Rule(
            what: "the files of each batch add up to the batch",
            hint: "compare audit.raw_batch with audit.raw_file",
            violations: """
                SELECT count(*) FROM (
                    SELECT FROM audit.raw_batch b LEFT JOIN audit.raw_file f USING (run_id, system_id, entity_name)
                    GROUP BY b.run_id, b.system_id, b.entity_name
                    HAVING count(f.file_no) <> b.nr_files OR coalesce(sum(f.nr_records), 0) <> b.nr_records
                        OR coalesce(sum(f.nr_bytes), 0) <> b.nr_bytes) x
                """),
        Rule(
            what: "a merged batch was merged by a run that the audit knows",
            hint: "look with: SELECT * FROM audit.raw_batch WHERE state = 'merged'",
            violations: """
                SELECT count(*) FROM audit.raw_batch b WHERE b.state = 'merged' AND NOT EXISTS (
                    SELECT FROM audit.system_run r WHERE r.run_id = b.merged_by_run_id)
                """),
    ]
}
