-- Results of checks say which run evaluated them and by what definition; quarantined records say what became of them.

ALTER TABLE audit.check_result
    ADD COLUMN run_timestamp timestamptz NOT NULL,
    ADD COLUMN checked_by_run_id uuid NOT NULL,
    ADD COLUMN checked_at timestamptz NOT NULL,
    ADD COLUMN definition_hash uuid NOT NULL;
COMMENT ON COLUMN audit.check_result.run_id IS 'The run that landed the batch, whichever run merged it; of gold the run that built';
COMMENT ON COLUMN audit.check_result.checked_by_run_id IS 'The run that evaluated the check';
COMMENT ON COLUMN audit.check_result.definition_hash IS 'What was evaluated: a check of another definition is evaluated again';

ALTER TABLE audit.raw_batch ADD COLUMN accept_checks boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN audit.raw_batch.accept_checks IS 'An operator let the batch be merged although checks of severity fail are broken';

ALTER TABLE audit.rejected_record
    ADD COLUMN resolved_at timestamptz,
    ADD COLUMN resolved_by_run_id uuid,
    ADD COLUMN resolution text,
    ADD CONSTRAINT rejected_record_resolution CHECK (
        (resolved_at IS NULL) = (resolution IS NULL) AND (resolved_at IS NULL) = (resolved_by_run_id IS NULL)
        AND (resolution IS NULL OR resolution IN ('retried', 'superseded')));
COMMENT ON COLUMN audit.rejected_record.resolution IS 'retried: landed again by resolved_by_run_id; superseded: something newer of its key was there already';
CREATE INDEX rejected_record_unresolved ON audit.rejected_record (system_id, entity_name) WHERE resolved_at IS NULL;

CREATE VIEW audit.v_last_check AS
SELECT DISTINCT ON (system_id, entity_name, check_name) system_id, entity_name, check_name, severity, passed,
    nr_violations, message, run_id, run_timestamp, checked_by_run_id, checked_at, definition_hash
FROM audit.check_result
ORDER BY system_id, entity_name, check_name, checked_at DESC, run_timestamp DESC;
COMMENT ON VIEW audit.v_last_check IS 'The last result of each check';
