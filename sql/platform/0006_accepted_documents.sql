-- What spares an unchanged document from being read again as a whole.

ALTER TABLE metadata.entity_shape ADD COLUMN accepted_by uuid;
COMMENT ON COLUMN metadata.entity_shape.accepted_by IS
    'The metadata and reading rules by which every live document of bronze was accepted; NULL where there is no such one';
