CREATE TABLE IF NOT EXISTS "bronze"."shop_orders" (
    _key_hash uuid NOT NULL, _doc_hash uuid, _change text NOT NULL, _effective_at timestamptz,
    _run_id uuid NOT NULL, _run_timestamp timestamptz NOT NULL, _raw_file int NOT NULL,
    _record_no int NOT NULL, doc jsonb, _applies_at timestamptz, _order bytea,
    CONSTRAINT "shop_orders_pkey" PRIMARY KEY (_key_hash, _run_timestamp, _raw_file, _record_no),
    CONSTRAINT "shop_orders_change" CHECK (_change IN ('upsert', 'delete', 'restore')));

CREATE INDEX IF NOT EXISTS "shop_orders_run" ON "bronze"."shop_orders" (_run_timestamp);

CREATE TABLE IF NOT EXISTS "bronze"."shop_orders__last" (
    _key_hash uuid NOT NULL, _doc_hash uuid, _run_timestamp timestamptz NOT NULL,
    _is_deleted boolean NOT NULL, _by_absence boolean NOT NULL, _effective_at timestamptz,
    _applies_at timestamptz, _order bytea, _scope uuid,
    CONSTRAINT "shop_orders__last_pk" PRIMARY KEY (_key_hash));

CREATE UNLOGGED TABLE IF NOT EXISTS "stage"."shop_orders__bronze" (
    _key_hash uuid NOT NULL, _ordinal bigint NOT NULL, _doc_hash uuid NOT NULL, _order bytea,
    _raw_file int NOT NULL, _record_no int NOT NULL, _is_delete boolean NOT NULL,
    _effective_at timestamptz, _scope uuid, _reject_column text, _reject_reason text, _excerpt text);

COMMENT ON COLUMN "bronze"."shop_orders"._applies_at IS 'With an effective time: from when the change counts';

COMMENT ON TABLE "bronze"."shop_orders" IS 'Changes of shop.orders, oldest first by _run_timestamp';
