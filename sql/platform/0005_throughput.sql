-- How fast each step was and what it cost. Only succeeded steps have rates: a failed one took its time for records that
-- are not counted, and an abandoned one is closed whenever somebody notices.

ALTER TABLE audit.entity_layer_run
    ADD COLUMN cpu_ms bigint,
    ADD COLUMN records_per_second numeric GENERATED ALWAYS AS (
        CASE WHEN status = 'succeeded' AND finished_at > started_at AND nr_records_in > 0
            THEN round(nr_records_in / extract(epoch FROM finished_at - started_at), 3) END) STORED,
    ADD COLUMN bytes_per_second numeric GENERATED ALWAYS AS (
        CASE WHEN status = 'succeeded' AND finished_at > started_at AND bytes_in > 0
            THEN round(bytes_in / extract(epoch FROM finished_at - started_at)) END) STORED;
COMMENT ON COLUMN audit.entity_layer_run.cpu_ms IS
    'Milliseconds of CPU, user and system, that the process used during the step, for all steps at once where entities '
    'run side by side; without the database server and programs of connectors; NULL where it was skipped or vanished';
COMMENT ON COLUMN audit.entity_layer_run.peak_memory_bytes IS
    'Most resident memory of the process during the step, for all steps at once where entities run side by side; since '
    'the process began where /proc does not allow more, and in older rows, which have no cpu_ms';
COMMENT ON COLUMN audit.entity_layer_run.records_per_second IS
    'nr_records_in by the time the step took, which for a large first batch in silver is part of bronze''s; NULL '
    'unless it succeeded and read something';
COMMENT ON COLUMN audit.entity_layer_run.bytes_per_second IS
    'bytes_in by the time the step took; NULL unless it succeeded and read bytes, as raw and bronze do';

CREATE OR REPLACE VIEW audit.v_run_detail AS
SELECT r.system_id, e.entity_name, e.layer, e.attempt, e.status, e.skip_reason, e.load_type, e.nr_records_in,
    e.nr_records_inserted, e.nr_records_updated, e.nr_records_deleted, e.nr_records_absent, e.nr_records_unchanged,
    e.nr_records_duplicate, e.nr_records_late, e.nr_records_rejected, e.bytes_in,
    e.finished_at - e.started_at AS duration, e.cursor_from, e.cursor_to, e.error_kind, e.error_message, e.started_at,
    r.run_id, r.run_timestamp, e.records_per_second, e.bytes_per_second, e.cpu_ms, e.peak_memory_bytes
FROM audit.entity_layer_run e JOIN audit.system_run r USING (run_id);

CREATE OR REPLACE VIEW audit.v_entity_health AS
SELECT DISTINCT ON (e.system_id, e.entity_name, e.layer) e.system_id, e.entity_name, e.layer, e.status, e.skip_reason,
    e.error_kind, e.error_message, e.nr_records_in, e.nr_records_rejected, e.started_at, e.finished_at,
    (SELECT max(s.finished_at) FROM audit.entity_layer_run s
      WHERE s.system_id = e.system_id AND s.entity_name = e.entity_name AND s.layer = e.layer
        AND s.status = 'succeeded') AS last_succeeded_at,
    e.records_per_second, e.bytes_per_second, e.cpu_ms, e.peak_memory_bytes
FROM audit.entity_layer_run e
ORDER BY e.system_id, e.entity_name, e.layer, e.run_timestamp DESC, e.attempt DESC, e.started_at DESC;

CREATE OR REPLACE VIEW audit.v_duration_stats AS
SELECT system_id, entity_name, layer, count(*) AS nr_runs,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)) AS median_s,
    max(extract(epoch FROM finished_at - started_at)) AS max_s,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY records_per_second) AS median_records_per_second,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY bytes_per_second) AS median_bytes_per_second,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY cpu_ms) AS median_cpu_ms,
    max(peak_memory_bytes) AS max_peak_memory_bytes
FROM audit.entity_layer_run WHERE status = 'succeeded'
GROUP BY system_id, entity_name, layer;
COMMENT ON VIEW audit.v_duration_stats IS 'How long each entity and layer takes, how fast it is and what it costs';
