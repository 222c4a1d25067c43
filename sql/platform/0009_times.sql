-- What tells that changes stand in bronze by another effective time than the one in force.

ALTER TABLE metadata.entity_shape ADD COLUMN times_by text;
COMMENT ON COLUMN metadata.entity_shape.times_by IS
    'By which effective time the changes stand in bronze; empty where by their runs'', NULL where that was never noted';
