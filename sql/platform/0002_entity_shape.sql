CREATE TABLE metadata.entity_shape (
    system_id text NOT NULL,
    entity_name text NOT NULL,
    shape_hash uuid NOT NULL,
    columns jsonb NOT NULL,
    applied_at timestamptz NOT NULL,
    CONSTRAINT entity_shape_pkey PRIMARY KEY (system_id, entity_name)
);
COMMENT ON TABLE metadata.entity_shape IS 'By which definitions the open rows of an entity were filled and hashed';
