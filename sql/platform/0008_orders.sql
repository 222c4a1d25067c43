-- What tells that changes are ordered by another order_by than the one in force.

ALTER TABLE metadata.entity_shape ADD COLUMN orders_by text;
COMMENT ON COLUMN metadata.entity_shape.orders_by IS
    'By which order_by the changes of one effective time stand in bronze; NULL where that was never noted, or decides nothing';
