-- What tells that keys have scopes of another definition than the one in force.

ALTER TABLE metadata.entity_shape ADD COLUMN scopes_by text;
COMMENT ON COLUMN metadata.entity_shape.scopes_by IS
    'Where the full_scope of the live keys was read, and how; empty where they have none, NULL where that was never noted';
