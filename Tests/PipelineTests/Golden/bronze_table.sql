CREATE TABLE IF NOT EXISTS "bronze"."shop_orders" (
    _key_hash uuid NOT NULL, _doc_hash uuid, _change text NOT NULL, _effective_at timestamptz,
    _run_id uuid NOT NULL, _run_timestamp timestamptz NOT NULL, _raw_file int NOT NULL,
    _record_no int NOT NULL, doc jsonb, _applies_at timestamptz, _order bytea,
    CONSTRAINT "shop_orders_pkey" PRIMARY KEY (_key_hash, _run_timestamp, _raw_file, _record_no),
    CONSTRAINT "shop_orders_change" CHECK (_change IN ('upsert', 'delete', 'restore')));

CREATE INDEX IF NOT EXISTS "shop_orders_run" ON "bronze"."shop_orders" (_run_timestamp);

CREATE UNLOGGED TABLE IF NOT EXISTS "bronze"."shop_orders__last" (
    _key_hash uuid NOT NULL, _doc_hash uuid, _run_timestamp timestamptz NOT NULL,
    _is_deleted boolean NOT NULL, _by_absence boolean NOT NULL, _effective_at timestamptz,
    _applies_at timestamptz, _order bytea, _scope uuid,
    CONSTRAINT "shop_orders__last_pk" PRIMARY KEY (_key_hash)) WITH (fillfactor = 85);

CREATE UNLOGGED TABLE IF NOT EXISTS "stage"."shop_orders__bronze" (
    _key_hash uuid NOT NULL, _ordinal bigint NOT NULL, _doc_hash uuid NOT NULL, _order bytea,
    _raw_file int NOT NULL, _record_no int NOT NULL, _is_delete boolean NOT NULL,
    _effective_at timestamptz, _scope uuid, _reject_column text, _reject_reason text, _excerpt text);

COMMENT ON COLUMN "bronze"."shop_orders"._applies_at IS 'With an effective time: from when the change counts';

COMMENT ON TABLE "bronze"."shop_orders" IS 'Changes of shop.orders, oldest first by _run_timestamp';

COMMENT ON TABLE "bronze"."shop_orders__last" IS 'The last change of each key, as the log tells it; empty as long as the log is short';

COMMENT ON COLUMN "bronze"."shop_orders"."_key_hash" IS 'Hash of the key; the same as in silver';

COMMENT ON COLUMN "bronze"."shop_orders"."_doc_hash" IS 'Hash of the record as received; NULL for a delete by absence';

COMMENT ON COLUMN "bronze"."shop_orders"."_change" IS 'upsert, delete or restore';

COMMENT ON COLUMN "bronze"."shop_orders"."_effective_at" IS 'From when the change is true, where the data say so; else it is the run''s instant';

COMMENT ON COLUMN "bronze"."shop_orders"."_run_id" IS 'The run that landed the batch; see audit.system_run';

COMMENT ON COLUMN "bronze"."shop_orders"."_run_timestamp" IS 'The logical instant of that run';

COMMENT ON COLUMN "bronze"."shop_orders"."_raw_file" IS 'The raw file, from 1; see audit.raw_file. 0 for a key that is absent from a full batch';

COMMENT ON COLUMN "bronze"."shop_orders"."_record_no" IS 'The record''s position in the raw file, from 1';

COMMENT ON COLUMN "bronze"."shop_orders"."doc" IS 'The record; NULL for a delete by absence';

COMMENT ON COLUMN "bronze"."shop_orders"."_order" IS 'Sort key of the columns in order_by, with an effective time';

COMMENT ON COLUMN "bronze"."shop_orders__last"."_key_hash" IS 'Hash of the key';

COMMENT ON COLUMN "bronze"."shop_orders__last"."_doc_hash" IS 'Hash of its last record; NULL while it is deleted';

COMMENT ON COLUMN "bronze"."shop_orders__last"."_run_timestamp" IS 'The logical instant of the run that landed its last change';

COMMENT ON COLUMN "bronze"."shop_orders__last"."_is_deleted" IS 'True while the key is deleted';

COMMENT ON COLUMN "bronze"."shop_orders__last"."_by_absence" IS 'True where it was deleted because a full batch did not bring it';

COMMENT ON COLUMN "bronze"."shop_orders__last"."_effective_at" IS 'From when its last change is true';

COMMENT ON COLUMN "bronze"."shop_orders__last"."_applies_at" IS 'From when its last change counts';

COMMENT ON COLUMN "bronze"."shop_orders__last"."_order" IS 'Sort key of its last change';

COMMENT ON COLUMN "bronze"."shop_orders__last"."_scope" IS 'Hash of the full_scope value of its last record';
