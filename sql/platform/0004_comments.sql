-- What the columns of audit and metadata mean, for those who read them in their tools.

COMMENT ON COLUMN audit.system_run.run_id IS 'The run; UUID version 7';
COMMENT ON COLUMN audit.system_run.system_id IS 'The system; gold for builds';
COMMENT ON COLUMN audit.system_run.status IS 'running, succeeded, failed, skipped, abandoned or cancelled';
COMMENT ON COLUMN audit.system_run.started_at IS 'When it began, by the wall clock';
COMMENT ON COLUMN audit.system_run.finished_at IS 'When it ended; NULL while it runs';
COMMENT ON COLUMN audit.system_run.nr_entities_succeeded IS 'Entities that succeeded in every layer';
COMMENT ON COLUMN audit.system_run.nr_entities_failed IS 'Entities that failed in a layer';
COMMENT ON COLUMN audit.system_run.nr_entities_skipped IS 'Entities that did nothing';
COMMENT ON COLUMN audit.system_run.trigger_type IS 'Who or what asked for it';
COMMENT ON COLUMN audit.system_run.trigger_ref IS
    'An outer orchestrator''s id; of a completion the runs that it follows';
COMMENT ON COLUMN audit.system_run.requested_load_type IS 'full, delta or auto as asked for';
COMMENT ON COLUMN audit.system_run.requested_layers IS 'The layers that were asked for; NULL: all';
COMMENT ON COLUMN audit.system_run.requested_entities IS 'The entities that were asked for; NULL: all';
COMMENT ON COLUMN audit.system_run.force IS 'True where it ran although its instant had succeeded';
COMMENT ON COLUMN audit.system_run.retry_of_run_id IS 'The run that it goes on with';
COMMENT ON COLUMN audit.system_run.metadata_hash IS 'The metadata that it used; see metadata.deployment';
COMMENT ON COLUMN audit.system_run.app_version IS 'The version of the program';
COMMENT ON COLUMN audit.system_run.host IS 'The machine';
COMMENT ON COLUMN audit.system_run.pid IS 'The process there';
COMMENT ON COLUMN audit.system_run.heartbeat_at IS 'When the process last gave a sign of life';
COMMENT ON COLUMN audit.system_run.error_message IS 'Why the run as a whole failed; secrets masked';

COMMENT ON COLUMN audit.system_layer_run.system_layer_run_id IS 'The layer of the run';
COMMENT ON COLUMN audit.system_layer_run.run_id IS 'The run';
COMMENT ON COLUMN audit.system_layer_run.run_timestamp IS 'The run''s logical instant';
COMMENT ON COLUMN audit.system_layer_run.system_id IS 'The system; gold for builds';
COMMENT ON COLUMN audit.system_layer_run.layer IS 'raw, bronze, silver or gold';
COMMENT ON COLUMN audit.system_layer_run.status IS 'As in audit.system_run';
COMMENT ON COLUMN audit.system_layer_run.started_at IS 'When it began';
COMMENT ON COLUMN audit.system_layer_run.finished_at IS 'When it ended; NULL while it runs';
COMMENT ON COLUMN audit.system_layer_run.nr_entities_succeeded IS 'Entities that succeeded';
COMMENT ON COLUMN audit.system_layer_run.nr_entities_failed IS 'Entities that failed';
COMMENT ON COLUMN audit.system_layer_run.nr_entities_skipped IS 'Entities that did nothing';
COMMENT ON COLUMN audit.system_layer_run.error_message IS 'Why the layer as a whole failed; secrets masked';

COMMENT ON COLUMN audit.entity_layer_run.entity_layer_run_id IS 'The attempt';
COMMENT ON COLUMN audit.entity_layer_run.system_layer_run_id IS 'The layer of the run that it belongs to';
COMMENT ON COLUMN audit.entity_layer_run.run_id IS 'The run';
COMMENT ON COLUMN audit.entity_layer_run.run_timestamp IS 'The run''s logical instant';
COMMENT ON COLUMN audit.entity_layer_run.system_id IS 'The system; gold for builds';
COMMENT ON COLUMN audit.entity_layer_run.layer IS 'raw, bronze, silver or gold';
COMMENT ON COLUMN audit.entity_layer_run.entity_name IS 'The entity, or the gold script';
COMMENT ON COLUMN audit.entity_layer_run.attempt IS 'From 1; a retry within the run is the next one';
COMMENT ON COLUMN audit.entity_layer_run.status IS 'As in audit.system_run';
COMMENT ON COLUMN audit.entity_layer_run.started_at IS 'When it began';
COMMENT ON COLUMN audit.entity_layer_run.finished_at IS 'When it ended; NULL while it runs';
COMMENT ON COLUMN audit.entity_layer_run.nr_records_in IS 'Records or changes read';
COMMENT ON COLUMN audit.entity_layer_run.nr_records_inserted IS
    'raw: landed; bronze: of keys not live; silver: of keys without an open row; gold: rows written';
COMMENT ON COLUMN audit.entity_layer_run.nr_records_updated IS
    'bronze: of live keys; silver: further changes that were applied';
COMMENT ON COLUMN audit.entity_layer_run.nr_records_deleted IS 'bronze: deletes; silver: keys closed as deleted';
COMMENT ON COLUMN audit.entity_layer_run.nr_records_absent IS
    'Of the deletes those by absence, which are not part of nr_records_in';
COMMENT ON COLUMN audit.entity_layer_run.nr_records_unchanged IS 'Without any effect';
COMMENT ON COLUMN audit.entity_layer_run.nr_records_duplicate IS 'Left out because another one of the same key holds';
COMMENT ON COLUMN audit.entity_layer_run.nr_records_late IS 'Older than what was known of their key';
COMMENT ON COLUMN audit.entity_layer_run.nr_records_rejected IS 'In quarantine; see audit.rejected_record';
COMMENT ON COLUMN audit.entity_layer_run.load_type IS 'full or delta';
COMMENT ON COLUMN audit.entity_layer_run.cursor_from IS 'Lower bound that was asked for, lookback applied';
COMMENT ON COLUMN audit.entity_layer_run.cursor_to IS 'Greatest cursor value landed';
COMMENT ON COLUMN audit.entity_layer_run.bytes_in IS 'Bytes read';
COMMENT ON COLUMN audit.entity_layer_run.peak_memory_bytes IS 'Most memory of the process during the step';
COMMENT ON COLUMN audit.entity_layer_run.skip_reason IS 'Why it did nothing';
COMMENT ON COLUMN audit.entity_layer_run.error_kind IS 'What kind of failure it was';
COMMENT ON COLUMN audit.entity_layer_run.error_message IS 'Why it failed; secrets masked';

COMMENT ON COLUMN audit.raw_batch.run_id IS 'The run that landed it';
COMMENT ON COLUMN audit.raw_batch.system_id IS 'The system';
COMMENT ON COLUMN audit.raw_batch.entity_name IS 'The entity';
COMMENT ON COLUMN audit.raw_batch.run_timestamp IS 'The run''s logical instant';
COMMENT ON COLUMN audit.raw_batch.load_type IS 'full or delta';
COMMENT ON COLUMN audit.raw_batch.nr_files IS 'Files';
COMMENT ON COLUMN audit.raw_batch.nr_records IS 'Records of all files';
COMMENT ON COLUMN audit.raw_batch.nr_bytes IS 'Bytes of all files as received';
COMMENT ON COLUMN audit.raw_batch.manifest_sha256 IS 'Checksum of its manifest';
COMMENT ON COLUMN audit.raw_batch.same_as IS 'The run whose files it shares; NULL where it has its own';
COMMENT ON COLUMN audit.raw_batch.state IS 'landed, normalized, merged, blocked, superseded or discarded';
COMMENT ON COLUMN audit.raw_batch.normalized_by_run_id IS 'The run that brought it to bronze';
COMMENT ON COLUMN audit.raw_batch.merged_by_run_id IS 'The run that brought it to silver';
COMMENT ON COLUMN audit.raw_batch.metadata_hash IS 'The metadata that it was landed by';
COMMENT ON COLUMN audit.raw_batch.missing_columns IS 'Columns that no record of it had: silver keeps their values';
COMMENT ON COLUMN audit.raw_batch.allow_deletes IS 'An operator allowed its deletes';
COMMENT ON COLUMN audit.raw_batch.accept_rejects IS 'An operator accepted its rejects';
COMMENT ON COLUMN audit.raw_batch.state_reason IS 'Why it is in that state';
COMMENT ON COLUMN audit.raw_batch.landed_at IS 'When it was landed, by the wall clock';
COMMENT ON COLUMN audit.raw_batch.nr_rejected IS 'Records that were rejected';

COMMENT ON COLUMN audit.raw_file.run_id IS 'The run that landed the batch';
COMMENT ON COLUMN audit.raw_file.system_id IS 'The system';
COMMENT ON COLUMN audit.raw_file.entity_name IS 'The entity';
COMMENT ON COLUMN audit.raw_file.file_no IS 'From 1, in the order of arrival';
COMMENT ON COLUMN audit.raw_file.file_name IS 'Its name in the batch''s folder';
COMMENT ON COLUMN audit.raw_file.nr_bytes IS 'Bytes as received, before compression';
COMMENT ON COLUMN audit.raw_file.nr_records IS 'Records that it holds';
COMMENT ON COLUMN audit.raw_file.sha256 IS 'Checksum of the bytes as received';

COMMENT ON COLUMN audit.load_cursor.system_id IS 'The system';
COMMENT ON COLUMN audit.load_cursor.entity_name IS 'The entity';
COMMENT ON COLUMN audit.load_cursor.run_id IS 'The run that set it; of an operator''s change an id of its own';
COMMENT ON COLUMN audit.load_cursor.run_timestamp IS 'The run''s logical instant';
COMMENT ON COLUMN audit.load_cursor.cursor_value IS 'Where the next delta load begins; NULL after a reset';
COMMENT ON COLUMN audit.load_cursor.reset IS 'True where the next load is a full one';
COMMENT ON COLUMN audit.load_cursor.set_by IS 'run or operator';
COMMENT ON COLUMN audit.load_cursor.recorded_at IS 'When it was set; the latest is in force';

COMMENT ON COLUMN audit.rejected_record.run_id IS 'The run that landed the batch';
COMMENT ON COLUMN audit.rejected_record.system_id IS 'The system';
COMMENT ON COLUMN audit.rejected_record.entity_name IS 'The entity';
COMMENT ON COLUMN audit.rejected_record.layer IS 'bronze or silver: which rejected it';
COMMENT ON COLUMN audit.rejected_record.raw_file IS 'The raw file, from 1; see audit.raw_file';
COMMENT ON COLUMN audit.rejected_record.run_timestamp IS 'The run''s logical instant';
COMMENT ON COLUMN audit.rejected_record.column_name IS 'The column to blame, where there is one';
COMMENT ON COLUMN audit.rejected_record.reason IS 'Why';
COMMENT ON COLUMN audit.rejected_record.excerpt IS 'The beginning of the value; personal data are not shown';

COMMENT ON COLUMN audit.check_result.run_id IS 'The run';
COMMENT ON COLUMN audit.check_result.system_id IS 'The system';
COMMENT ON COLUMN audit.check_result.entity_name IS 'The entity';
COMMENT ON COLUMN audit.check_result.check_name IS 'The check';
COMMENT ON COLUMN audit.check_result.severity IS 'warn or fail';
COMMENT ON COLUMN audit.check_result.passed IS 'True where nothing violates it';
COMMENT ON COLUMN audit.check_result.nr_violations IS 'How many rows violate it';
COMMENT ON COLUMN audit.check_result.message IS 'What was found';

COMMENT ON COLUMN audit.schema_change.system_id IS 'The system';
COMMENT ON COLUMN audit.schema_change.entity_name IS 'The entity';
COMMENT ON COLUMN audit.schema_change.recorded_at IS 'When it was noticed';
COMMENT ON COLUMN audit.schema_change.run_id IS 'The run that noticed it; NULL for a deployment';
COMMENT ON COLUMN audit.schema_change.change IS 'What changed';
COMMENT ON COLUMN audit.schema_change.column_name IS 'The column or field; empty for the table as a whole';
COMMENT ON COLUMN audit.schema_change.detail IS 'What came of it';

COMMENT ON COLUMN metadata.system.system_id IS 'The system';
COMMENT ON COLUMN metadata.system.name IS 'Its name';
COMMENT ON COLUMN metadata.system.description IS 'What it is';
COMMENT ON COLUMN metadata.system.type IS 'The type of its connector';
COMMENT ON COLUMN metadata.system.active IS 'False: it is not run';
COMMENT ON COLUMN metadata.system.definition IS 'The object of the metadata files';
COMMENT ON COLUMN metadata.system.deployed_at IS 'When it was deployed last';

COMMENT ON COLUMN metadata.entity.system_id IS 'The system';
COMMENT ON COLUMN metadata.entity.entity_name IS 'The entity';
COMMENT ON COLUMN metadata.entity.description IS 'What it is';
COMMENT ON COLUMN metadata.entity.load_type IS 'full or delta';
COMMENT ON COLUMN metadata.entity.active IS 'False: it is skipped, or no longer in the files';
COMMENT ON COLUMN metadata.entity.definition IS 'The object of the metadata files';
COMMENT ON COLUMN metadata.entity.deployed_at IS 'When it was deployed last';

COMMENT ON COLUMN metadata.entity_column.system_id IS 'The system';
COMMENT ON COLUMN metadata.entity_column.entity_name IS 'The entity';
COMMENT ON COLUMN metadata.entity_column.column_name IS 'The column';
COMMENT ON COLUMN metadata.entity_column.position IS 'Its place in the files, from 1';
COMMENT ON COLUMN metadata.entity_column.type IS 'Its type';
COMMENT ON COLUMN metadata.entity_column.is_key IS 'True where it is part of the key';
COMMENT ON COLUMN metadata.entity_column.is_nullable IS 'False: NULL is rejected, or the default';
COMMENT ON COLUMN metadata.entity_column.scd IS 'How a change is kept: 2, 1, ignore or fixed';
COMMENT ON COLUMN metadata.entity_column.description IS 'What it is';
COMMENT ON COLUMN metadata.entity_column.active IS 'False: no longer in the files';

COMMENT ON COLUMN metadata.gold.name IS 'The script, and its view in schema gold';
COMMENT ON COLUMN metadata.gold.materialize IS 'view or table';
COMMENT ON COLUMN metadata.gold.description IS 'What it is';
COMMENT ON COLUMN metadata.gold.inputs IS 'What it reads';
COMMENT ON COLUMN metadata.gold.active IS 'False: no longer in the files';
COMMENT ON COLUMN metadata.gold.deployed_at IS 'When it was deployed last';
COMMENT ON COLUMN metadata.gold.built_hash IS 'The script as it was built last';

COMMENT ON COLUMN metadata.change_log.changed_at IS 'When it was deployed';
COMMENT ON COLUMN metadata.change_log.object IS 'What changed';
COMMENT ON COLUMN metadata.change_log.change IS 'How';
COMMENT ON COLUMN metadata.change_log.before IS 'As it was';
COMMENT ON COLUMN metadata.change_log.after IS 'As it is';
COMMENT ON COLUMN metadata.change_log.metadata_hash IS 'The metadata that brought it';

COMMENT ON COLUMN metadata.deployment.metadata_hash IS 'Hash of all metadata files and gold scripts';
COMMENT ON COLUMN metadata.deployment.deployed_at IS 'When it was deployed';
COMMENT ON COLUMN metadata.deployment.app_version IS 'The version of the program';

COMMENT ON COLUMN metadata.entity_shape.system_id IS 'The system of the entity';
COMMENT ON COLUMN metadata.entity_shape.entity_name IS 'The entity';
COMMENT ON COLUMN metadata.entity_shape.shape_hash IS 'Hash of the definitions';
COMMENT ON COLUMN metadata.entity_shape.columns IS 'The definitions';
COMMENT ON COLUMN metadata.entity_shape.applied_at IS 'Since when the open rows are by them';

COMMENT ON COLUMN audit.check_result.run_timestamp IS 'The logical instant of the run that landed the batch';
COMMENT ON COLUMN audit.check_result.checked_at IS 'When it was evaluated';
COMMENT ON COLUMN audit.rejected_record.resolved_at IS 'When it was settled; NULL while it is not';
COMMENT ON COLUMN audit.rejected_record.resolved_by_run_id IS 'The run that settled it';
