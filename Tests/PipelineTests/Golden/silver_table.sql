CREATE TABLE "silver"."shop_orders" (
    "order_no" bigint NOT NULL,
    "region" text NOT NULL,
    "state" text,
    "note" text,
    "amount" numeric(12,2) NOT NULL,
    "weight" double precision,
    "is_paid" boolean,
    "opened" date,
    "day_time" time without time zone,
    "local_at" timestamp without time zone,
    "updated_at" timestamp with time zone,
    "hits" integer,
    "phone" text,
    "ref" uuid,
    "items" jsonb,
    "seal" bytea,
    "rate" numeric,
    "_key_hash" uuid NOT NULL,
    "_scd1_hash" uuid NOT NULL,
    "_scd2_hash" uuid NOT NULL,
    "_valid_from" timestamptz NOT NULL,
    "_valid_to" timestamptz,
    "_is_current" boolean GENERATED ALWAYS AS (_valid_to IS NULL) STORED,
    "_is_deleted" boolean NOT NULL,
    "_run_id" uuid NOT NULL,
    "_run_timestamp" timestamptz NOT NULL,
    "_updated_by_run_id" uuid NOT NULL,
    "_created_at" timestamptz NOT NULL,
    "_updated_at" timestamptz NOT NULL,
    CONSTRAINT "shop_orders_len2" CHECK (
    length("region") <= 2),
    CONSTRAINT "shop_orders_len3" CHECK (
    length("state") <= 20),
    CONSTRAINT "shop_orders_pk" PRIMARY KEY (_key_hash, _valid_from),
    CONSTRAINT "shop_orders_period" CHECK (_valid_to > _valid_from),
    CONSTRAINT "shop_orders_ended" CHECK (NOT _is_deleted OR _valid_to IS NOT NULL)
) WITH (fillfactor = 95);

CREATE UNIQUE INDEX "shop_orders_open" ON "silver"."shop_orders" (_key_hash) WHERE _valid_to IS NULL;

CREATE UNLOGGED TABLE IF NOT EXISTS "stage"."shop_orders__silver" (
    "order_no" bigint,
    "region" text,
    "state" text,
    "note" text,
    "amount" numeric(12,2),
    "weight" double precision,
    "is_paid" boolean,
    "opened" date,
    "day_time" time without time zone,
    "local_at" timestamp without time zone,
    "updated_at" timestamp with time zone,
    "hits" integer,
    "phone" text,
    "ref" uuid,
    "items" jsonb,
    "seal" bytea,
    "rate" numeric,
    _key_hash uuid NOT NULL,
    _scd1_hash uuid NOT NULL,
    _scd2_hash uuid NOT NULL,
    _change text NOT NULL,
    _raw_file int NOT NULL,
    _record_no int NOT NULL);

CREATE OR REPLACE VIEW "silver"."shop_orders_current" AS
SELECT "order_no", "region", "state", "note", "amount", "weight", "is_paid", "opened", "day_time", "local_at", "updated_at", "hits", "phone", "ref", "items", "seal", "rate", _valid_from, _run_id
FROM "silver"."shop_orders" WHERE _valid_to IS NULL;

CREATE OR REPLACE FUNCTION "silver"."shop_orders_asof"(instant timestamptz)
RETURNS SETOF "silver"."shop_orders" LANGUAGE sql STABLE PARALLEL SAFE AS
'SELECT * FROM "silver"."shop_orders" WHERE _valid_from <= $1 AND (_valid_to IS NULL OR _valid_to > $1)';

COMMENT ON TABLE "silver"."shop_orders" IS 'Orders, as it''s told';

COMMENT ON COLUMN "silver"."shop_orders"."order_no" IS 'Field order_no of the source';

COMMENT ON COLUMN "silver"."shop_orders"."region" IS 'Where';

COMMENT ON COLUMN "silver"."shop_orders"."state" IS 'Field state of the source';

COMMENT ON COLUMN "silver"."shop_orders"."note" IS 'Field note of the source';

COMMENT ON COLUMN "silver"."shop_orders"."amount" IS 'Field amount of the source';

COMMENT ON COLUMN "silver"."shop_orders"."weight" IS 'Field weight of the source';

COMMENT ON COLUMN "silver"."shop_orders"."is_paid" IS 'Field is_paid of the source';

COMMENT ON COLUMN "silver"."shop_orders"."opened" IS 'Field opened of the source';

COMMENT ON COLUMN "silver"."shop_orders"."day_time" IS 'Field day_time of the source';

COMMENT ON COLUMN "silver"."shop_orders"."local_at" IS 'Field local_at of the source';

COMMENT ON COLUMN "silver"."shop_orders"."updated_at" IS 'The cursor';

COMMENT ON COLUMN "silver"."shop_orders"."hits" IS 'Field hits of the source';

COMMENT ON COLUMN "silver"."shop_orders"."phone" IS 'Field phone of the source';

COMMENT ON COLUMN "silver"."shop_orders"."ref" IS 'Field ref of the source';

COMMENT ON COLUMN "silver"."shop_orders"."items" IS 'Field items of the source';

COMMENT ON COLUMN "silver"."shop_orders"."seal" IS 'Field seal of the source';

COMMENT ON COLUMN "silver"."shop_orders"."rate" IS 'Field rate of the source';

COMMENT ON COLUMN "silver"."shop_orders"._valid_from IS 'Start of the half-open interval in which the row was true';

COMMENT ON COLUMN "silver"."shop_orders"._valid_to IS 'End of that interval; NULL while the row is current';

COMMENT ON VIEW "silver"."shop_orders_current" IS 'Orders, as it''s told – what is true now';

COMMENT ON FUNCTION "silver"."shop_orders_asof"(timestamptz) IS
    'Orders, as it''s told – what was true at an instant';

COMMENT ON COLUMN "silver"."shop_orders_current"."order_no" IS 'Field order_no of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."region" IS 'Where';

COMMENT ON COLUMN "silver"."shop_orders_current"."state" IS 'Field state of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."note" IS 'Field note of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."amount" IS 'Field amount of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."weight" IS 'Field weight of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."is_paid" IS 'Field is_paid of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."opened" IS 'Field opened of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."day_time" IS 'Field day_time of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."local_at" IS 'Field local_at of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."updated_at" IS 'The cursor';

COMMENT ON COLUMN "silver"."shop_orders_current"."hits" IS 'Field hits of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."phone" IS 'Field phone of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."ref" IS 'Field ref of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."items" IS 'Field items of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."seal" IS 'Field seal of the source';

COMMENT ON COLUMN "silver"."shop_orders_current"."rate" IS 'Field rate of the source';

COMMENT ON COLUMN "silver"."shop_orders"."_key_hash" IS 'Hash of the key: the same in bronze and silver, whatever the key''s notation';

COMMENT ON COLUMN "silver"."shop_orders"."_scd1_hash" IS 'Hash of the columns that are overwritten in place';

COMMENT ON COLUMN "silver"."shop_orders"."_scd2_hash" IS 'Hash of the columns whose change opens a version';

COMMENT ON COLUMN "silver"."shop_orders"."_is_current" IS 'True while the row is open';

COMMENT ON COLUMN "silver"."shop_orders"."_is_deleted" IS 'True where the row ended because its key was deleted';

COMMENT ON COLUMN "silver"."shop_orders"."_run_id" IS 'The run whose batch brought the row; see audit.system_run';

COMMENT ON COLUMN "silver"."shop_orders"."_run_timestamp" IS 'The logical instant of that run';

COMMENT ON COLUMN "silver"."shop_orders"."_updated_by_run_id" IS 'The run whose batch changed the row last';

COMMENT ON COLUMN "silver"."shop_orders"."_created_at" IS 'When the row was written, by the wall clock';

COMMENT ON COLUMN "silver"."shop_orders"."_updated_at" IS 'When the row was changed last, by the wall clock';

COMMENT ON COLUMN "silver"."shop_orders_current"._valid_from IS 'Since when the row is true';

COMMENT ON COLUMN "silver"."shop_orders_current"._run_id IS 'The run whose batch brought the row; see audit.system_run';
