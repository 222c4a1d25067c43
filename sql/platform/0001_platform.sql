-- Audit, metadata mirror and the schemas of the layers. Every constraint is named; audit tables are plain tables on
-- one node, whatever becomes of the data.

CREATE SCHEMA IF NOT EXISTS audit;
CREATE SCHEMA IF NOT EXISTS metadata;
CREATE SCHEMA IF NOT EXISTS bronze;
CREATE SCHEMA IF NOT EXISTS stage;
CREATE SCHEMA IF NOT EXISTS silver;
CREATE SCHEMA IF NOT EXISTS gold;
CREATE SCHEMA IF NOT EXISTS gold_data;

COMMENT ON SCHEMA audit IS 'Every run of a system, a layer and an entity, and what it did';
COMMENT ON SCHEMA metadata IS 'The deployed metadata: a mirror of the JSON files, with its changes';
COMMENT ON SCHEMA bronze IS 'Append-only logs of document changes, one table per entity';
COMMENT ON SCHEMA stage IS 'Unlogged work tables of normalize and merge; safe to empty';
COMMENT ON SCHEMA silver IS 'Typed tables with history (SCD2), one per entity';
COMMENT ON SCHEMA gold IS 'What people query: views built by sql/gold';
COMMENT ON SCHEMA gold_data IS 'The tables behind the views of gold';

CREATE TABLE audit.system_run (
    run_id uuid NOT NULL,
    run_timestamp timestamptz NOT NULL,
    system_id text NOT NULL,
    status text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    nr_entities_succeeded int NOT NULL DEFAULT 0,
    nr_entities_failed int NOT NULL DEFAULT 0,
    nr_entities_skipped int NOT NULL DEFAULT 0,
    trigger_type text NOT NULL,
    trigger_ref text,
    requested_load_type text,
    requested_layers text[],
    requested_entities text[],
    force boolean NOT NULL DEFAULT false,
    retry_of_run_id uuid,
    metadata_hash uuid NOT NULL,
    app_version text NOT NULL,
    host text NOT NULL,
    pid int NOT NULL,
    heartbeat_at timestamptz NOT NULL,
    fence bigint NOT NULL,
    error_message text,
    CONSTRAINT system_run_pkey PRIMARY KEY (run_id),
    CONSTRAINT system_run_identity UNIQUE (run_id, run_timestamp, system_id),
    CONSTRAINT system_run_status CHECK (
        status IN ('running', 'succeeded', 'failed', 'skipped', 'abandoned', 'cancelled')),
    CONSTRAINT system_run_trigger CHECK (
        trigger_type IN ('manual', 'schedule', 'event', 'callback', 'completion', 'retry', 'backfill', 'rebuild')),
    CONSTRAINT system_run_finished CHECK ((status = 'running') = (finished_at IS NULL))
);
CREATE UNIQUE INDEX system_run_instant ON audit.system_run (system_id, run_timestamp) WHERE status <> 'skipped';
CREATE UNIQUE INDEX system_run_one_running ON audit.system_run (system_id) WHERE status = 'running';
CREATE INDEX system_run_started ON audit.system_run (started_at);
COMMENT ON TABLE audit.system_run IS 'One execution for one system';
COMMENT ON COLUMN audit.system_run.run_timestamp IS 'The logical instant, strictly increasing per system';
COMMENT ON COLUMN audit.system_run.fence IS 'A number above that of every earlier run of the system; writers check it';

CREATE TABLE audit.system_layer_run (
    system_layer_run_id uuid NOT NULL,
    run_id uuid NOT NULL,
    run_timestamp timestamptz NOT NULL,
    system_id text NOT NULL,
    layer text NOT NULL,
    status text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    nr_entities_succeeded int NOT NULL DEFAULT 0,
    nr_entities_failed int NOT NULL DEFAULT 0,
    nr_entities_skipped int NOT NULL DEFAULT 0,
    error_message text,
    CONSTRAINT system_layer_run_pkey PRIMARY KEY (system_layer_run_id),
    CONSTRAINT system_layer_run_layer_once UNIQUE (run_id, layer),
    CONSTRAINT system_layer_run_identity UNIQUE (system_layer_run_id, run_id, run_timestamp, system_id, layer),
    CONSTRAINT system_layer_run_run FOREIGN KEY (run_id, run_timestamp, system_id)
        REFERENCES audit.system_run (run_id, run_timestamp, system_id),
    CONSTRAINT system_layer_run_layer CHECK (layer IN ('raw', 'bronze', 'silver', 'gold')),
    CONSTRAINT system_layer_run_status CHECK (
        status IN ('running', 'succeeded', 'failed', 'skipped', 'abandoned', 'cancelled')),
    CONSTRAINT system_layer_run_finished CHECK ((status = 'running') = (finished_at IS NULL))
);
COMMENT ON TABLE audit.system_layer_run IS 'One layer of one run';

CREATE TABLE audit.entity_layer_run (
    entity_layer_run_id uuid NOT NULL,
    system_layer_run_id uuid NOT NULL,
    run_id uuid NOT NULL,
    run_timestamp timestamptz NOT NULL,
    system_id text NOT NULL,
    layer text NOT NULL,
    entity_name text NOT NULL,
    attempt int NOT NULL DEFAULT 1,
    status text NOT NULL,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    nr_records_in bigint NOT NULL DEFAULT 0,
    nr_records_inserted bigint NOT NULL DEFAULT 0,
    nr_records_updated bigint NOT NULL DEFAULT 0,
    nr_records_deleted bigint NOT NULL DEFAULT 0,
    nr_records_absent bigint NOT NULL DEFAULT 0,
    nr_records_unchanged bigint NOT NULL DEFAULT 0,
    nr_records_duplicate bigint NOT NULL DEFAULT 0,
    nr_records_late bigint NOT NULL DEFAULT 0,
    nr_records_rejected bigint NOT NULL DEFAULT 0,
    load_type text,
    cursor_from text,
    cursor_to text,
    bytes_in bigint NOT NULL DEFAULT 0,
    peak_memory_bytes bigint,
    skip_reason text,
    error_kind text,
    error_message text,
    CONSTRAINT entity_layer_run_pkey PRIMARY KEY (entity_layer_run_id),
    CONSTRAINT entity_layer_run_attempt_once UNIQUE (run_id, layer, entity_name, attempt),
    CONSTRAINT entity_layer_run_layer_run
        FOREIGN KEY (system_layer_run_id, run_id, run_timestamp, system_id, layer)
        REFERENCES audit.system_layer_run (system_layer_run_id, run_id, run_timestamp, system_id, layer),
    CONSTRAINT entity_layer_run_status CHECK (
        status IN ('running', 'succeeded', 'failed', 'skipped', 'abandoned', 'cancelled')),
    CONSTRAINT entity_layer_run_finished CHECK ((status = 'running') = (finished_at IS NULL)),
    CONSTRAINT entity_layer_run_skip_reason CHECK (
        (status = 'skipped') = (skip_reason IS NOT NULL) AND (skip_reason IS NULL OR skip_reason IN (
            'inactive', 'already_succeeded', 'already_running', 'upstream_failed', 'no_input', 'not_selected'))),
    CONSTRAINT entity_layer_run_error_kind CHECK (error_kind IS NULL OR error_kind IN (
        'connector', 'auth', 'rate_limit', 'parse', 'schema', 'quality', 'guard', 'merge', 'sql', 'timeout',
        'cancelled', 'internal')),
    CONSTRAINT entity_layer_run_adds_up CHECK (status <> 'succeeded' OR CASE layer
        WHEN 'raw' THEN nr_records_in = nr_records_inserted
        WHEN 'bronze' THEN nr_records_in = nr_records_inserted + nr_records_updated + nr_records_unchanged
            + nr_records_duplicate + nr_records_rejected + (nr_records_deleted - nr_records_absent)
        WHEN 'silver' THEN nr_records_in = nr_records_inserted + nr_records_updated + nr_records_deleted
            + nr_records_unchanged + nr_records_duplicate + nr_records_late + nr_records_rejected
        ELSE true END)
);
CREATE INDEX entity_layer_run_entity ON audit.entity_layer_run (system_id, entity_name, layer, started_at);
COMMENT ON TABLE audit.entity_layer_run IS 'One attempt of one entity in one layer of one run, with its counts';

CREATE TABLE audit.raw_batch (
    run_id uuid NOT NULL,
    system_id text NOT NULL,
    entity_name text NOT NULL,
    run_timestamp timestamptz NOT NULL,
    load_type text NOT NULL,
    nr_files int NOT NULL,
    nr_records bigint NOT NULL,
    nr_bytes bigint NOT NULL,
    manifest_sha256 text NOT NULL,
    same_as uuid,
    state text NOT NULL,
    normalized_by_run_id uuid,
    merged_by_run_id uuid,
    metadata_hash uuid NOT NULL,
    missing_columns text[] NOT NULL DEFAULT '{}',
    allow_deletes boolean NOT NULL DEFAULT false,
    accept_rejects boolean NOT NULL DEFAULT false,
    state_reason text,
    landed_at timestamptz NOT NULL,
    nr_rejected bigint NOT NULL DEFAULT 0,
    CONSTRAINT raw_batch_pkey PRIMARY KEY (run_id, system_id, entity_name),
    CONSTRAINT raw_batch_load_type CHECK (load_type IN ('full', 'delta')),
    CONSTRAINT raw_batch_state CHECK (
        state IN ('landed', 'normalized', 'merged', 'blocked', 'superseded', 'discarded'))
);
CREATE UNIQUE INDEX raw_batch_instant ON audit.raw_batch (system_id, entity_name, run_timestamp);
COMMENT ON TABLE audit.raw_batch IS 'What one run landed for one entity, and how far it got';

CREATE TABLE audit.raw_file (
    run_id uuid NOT NULL,
    system_id text NOT NULL,
    entity_name text NOT NULL,
    file_no int NOT NULL,
    file_name text NOT NULL,
    nr_bytes bigint NOT NULL,
    nr_records bigint NOT NULL,
    sha256 text NOT NULL,
    CONSTRAINT raw_file_pkey PRIMARY KEY (run_id, system_id, entity_name, file_no),
    CONSTRAINT raw_file_batch FOREIGN KEY (run_id, system_id, entity_name)
        REFERENCES audit.raw_batch (run_id, system_id, entity_name)
);
COMMENT ON TABLE audit.raw_file IS 'One landed file; of a batch that is the same as an earlier one, the files of that one';

CREATE TABLE audit.load_cursor (
    system_id text NOT NULL,
    entity_name text NOT NULL,
    run_id uuid NOT NULL,
    run_timestamp timestamptz NOT NULL,
    cursor_value text,
    reset boolean NOT NULL DEFAULT false,
    set_by text NOT NULL,
    recorded_at timestamptz NOT NULL,
    CONSTRAINT load_cursor_pkey PRIMARY KEY (system_id, entity_name, run_id)
);
COMMENT ON TABLE audit.load_cursor IS 'Append-only: where the next delta load of an entity begins';

CREATE TABLE audit.rejected_record (
    run_id uuid NOT NULL,
    system_id text NOT NULL,
    entity_name text NOT NULL,
    layer text NOT NULL,
    raw_file int NOT NULL,
    record_no int NOT NULL,
    run_timestamp timestamptz NOT NULL,
    column_name text,
    reason text NOT NULL,
    excerpt text,
    CONSTRAINT rejected_record_pkey PRIMARY KEY (run_id, system_id, entity_name, layer, raw_file, record_no)
);
COMMENT ON TABLE audit.rejected_record IS 'Records that could not be applied; they stay in raw';
COMMENT ON COLUMN audit.rejected_record.record_no IS 'Position in the raw file, from 1';

CREATE TABLE audit.check_result (
    run_id uuid NOT NULL,
    system_id text NOT NULL,
    entity_name text NOT NULL,
    check_name text NOT NULL,
    severity text NOT NULL,
    passed boolean NOT NULL,
    nr_violations bigint NOT NULL,
    message text,
    CONSTRAINT check_result_pkey PRIMARY KEY (run_id, system_id, entity_name, check_name)
);
COMMENT ON TABLE audit.check_result IS 'What the checks of an entity found after a merge';

CREATE TABLE audit.schema_change (
    system_id text NOT NULL,
    entity_name text NOT NULL,
    recorded_at timestamptz NOT NULL,
    run_id uuid,
    change text NOT NULL,
    column_name text NOT NULL,
    detail text,
    CONSTRAINT schema_change_pkey PRIMARY KEY (system_id, entity_name, recorded_at, change, column_name)
);
COMMENT ON TABLE audit.schema_change IS 'Tables made, columns added, fields that appeared in or vanished from a source';

CREATE TABLE metadata.system (
    system_id text NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    type text NOT NULL,
    active boolean NOT NULL,
    definition jsonb NOT NULL,
    deployed_at timestamptz NOT NULL,
    CONSTRAINT system_pkey PRIMARY KEY (system_id)
);
CREATE TABLE metadata.entity (
    system_id text NOT NULL,
    entity_name text NOT NULL,
    description text NOT NULL,
    load_type text NOT NULL,
    active boolean NOT NULL,
    definition jsonb NOT NULL,
    deployed_at timestamptz NOT NULL,
    CONSTRAINT entity_pkey PRIMARY KEY (system_id, entity_name)
);
CREATE TABLE metadata.entity_column (
    system_id text NOT NULL,
    entity_name text NOT NULL,
    column_name text NOT NULL,
    position int NOT NULL,
    type text NOT NULL,
    is_key boolean NOT NULL,
    is_nullable boolean NOT NULL,
    scd text NOT NULL,
    description text,
    active boolean NOT NULL,
    CONSTRAINT entity_column_pkey PRIMARY KEY (system_id, entity_name, column_name)
);
CREATE TABLE metadata.gold (
    name text NOT NULL,
    materialize text NOT NULL,
    description text NOT NULL,
    inputs text[] NOT NULL,
    active boolean NOT NULL,
    deployed_at timestamptz NOT NULL,
    built_hash uuid,
    CONSTRAINT gold_pkey PRIMARY KEY (name)
);
CREATE TABLE metadata.change_log (
    changed_at timestamptz NOT NULL,
    object text NOT NULL,
    change text NOT NULL,
    before jsonb,
    after jsonb,
    metadata_hash uuid NOT NULL,
    CONSTRAINT change_log_pkey PRIMARY KEY (changed_at, object)
);
CREATE TABLE metadata.deployment (
    metadata_hash uuid NOT NULL,
    deployed_at timestamptz NOT NULL,
    app_version text NOT NULL,
    CONSTRAINT deployment_pkey PRIMARY KEY (metadata_hash, deployed_at)
);
COMMENT ON TABLE metadata.system IS 'Deployed systems; secrets only as references';
COMMENT ON TABLE metadata.entity IS 'Deployed entities';
COMMENT ON TABLE metadata.entity_column IS 'Deployed columns';
COMMENT ON TABLE metadata.gold IS 'Deployed gold scripts';
COMMENT ON TABLE metadata.change_log IS 'What each deployment changed';
COMMENT ON TABLE metadata.deployment IS 'Which metadata was deployed when, newest row is in force';

CREATE VIEW audit.v_last_run AS
SELECT DISTINCT ON (system_id) system_id, run_id, run_timestamp, status, trigger_type, requested_load_type, started_at,
    finished_at, finished_at - started_at AS duration, nr_entities_succeeded, nr_entities_failed, nr_entities_skipped,
    error_message
FROM audit.system_run
ORDER BY system_id, run_timestamp DESC, started_at DESC;
COMMENT ON VIEW audit.v_last_run IS 'The last run of each system';

CREATE VIEW audit.v_run_detail AS
SELECT r.system_id, e.entity_name, e.layer, e.attempt, e.status, e.skip_reason, e.load_type, e.nr_records_in,
    e.nr_records_inserted, e.nr_records_updated, e.nr_records_deleted, e.nr_records_absent, e.nr_records_unchanged,
    e.nr_records_duplicate, e.nr_records_late, e.nr_records_rejected, e.bytes_in,
    e.finished_at - e.started_at AS duration, e.cursor_from, e.cursor_to, e.error_kind, e.error_message, e.started_at,
    r.run_id, r.run_timestamp
FROM audit.entity_layer_run e JOIN audit.system_run r USING (run_id);
COMMENT ON VIEW audit.v_run_detail IS 'Every entity and layer of every run';

CREATE VIEW audit.v_entity_health AS
SELECT DISTINCT ON (e.system_id, e.entity_name, e.layer) e.system_id, e.entity_name, e.layer, e.status, e.skip_reason,
    e.error_kind, e.error_message, e.nr_records_in, e.nr_records_rejected, e.started_at, e.finished_at,
    (SELECT max(s.finished_at) FROM audit.entity_layer_run s
      WHERE s.system_id = e.system_id AND s.entity_name = e.entity_name AND s.layer = e.layer
        AND s.status = 'succeeded') AS last_succeeded_at
FROM audit.entity_layer_run e
ORDER BY e.system_id, e.entity_name, e.layer, e.run_timestamp DESC, e.attempt DESC, e.started_at DESC;
COMMENT ON VIEW audit.v_entity_health IS 'The last run of each entity and layer, and when it last succeeded';

CREATE VIEW audit.v_duration_stats AS
SELECT system_id, entity_name, layer, count(*) AS nr_runs,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM finished_at - started_at)) AS median_s,
    max(extract(epoch FROM finished_at - started_at)) AS max_s
FROM audit.entity_layer_run WHERE status = 'succeeded'
GROUP BY system_id, entity_name, layer;
COMMENT ON VIEW audit.v_duration_stats IS 'How long each entity and layer takes';

CREATE VIEW audit.v_table_growth AS
SELECT n.nspname AS schema_name, c.relname AS table_name, c.reltuples::bigint AS estimated_rows,
    pg_catalog.pg_total_relation_size(c.oid) AS total_bytes
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname IN ('audit', 'metadata', 'bronze', 'stage', 'silver', 'gold_data');
COMMENT ON VIEW audit.v_table_growth IS 'Rows (estimated) and bytes of every table';

CREATE VIEW audit.v_current_cursor AS
SELECT DISTINCT ON (system_id, entity_name) system_id, entity_name, CASE WHEN reset THEN NULL ELSE cursor_value END
    AS cursor_value, reset, set_by, run_id, run_timestamp, recorded_at
FROM audit.load_cursor
ORDER BY system_id, entity_name, recorded_at DESC, run_timestamp DESC;
COMMENT ON VIEW audit.v_current_cursor IS 'Where the next delta load of each entity begins';

CREATE VIEW audit.v_pending_batches AS
SELECT system_id, entity_name, run_id, run_timestamp, load_type, state, state_reason, nr_files, nr_records, landed_at
FROM audit.raw_batch WHERE state IN ('landed', 'normalized', 'blocked');
COMMENT ON VIEW audit.v_pending_batches IS 'Batches that are not yet in silver';
