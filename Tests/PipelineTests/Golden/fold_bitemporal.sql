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
    _valid_from timestamptz NOT NULL,
    _valid_to timestamptz,
    _is_deleted boolean NOT NULL,
    _run_id uuid NOT NULL,
    _run_timestamp timestamptz NOT NULL,
    _kind int NOT NULL,
    _is_first boolean NOT NULL,
    _created_at timestamptz);

UPDATE "stage"."shop_orders__silver" s SET _kind = 4 FROM "silver"."shop_orders" t
WHERE s._is_first AND s._kind = 0 AND t._key_hash = s._key_hash AND t._valid_to IS NULL
    AND t._scd2_hash = s._scd2_hash;

SELECT count(*) FROM "stage"."shop_orders__silver" s
JOIN "silver"."shop_orders" t ON t._key_hash = s._key_hash AND t._valid_to IS NULL
LEFT JOIN "stage"."shop_orders__silver" f ON f._key_hash = s._key_hash AND f._kind = 5
WHERE s._kind = 4 AND coalesce(f._scd1_hash, s._scd1_hash) <> t._scd1_hash;

UPDATE "silver"."shop_orders" t SET "updated_at" = s."updated_at", "phone" = s."phone", _scd1_hash = s._scd1_hash,
    _valid_to = s._valid_to, _is_deleted = s._is_deleted, _updated_by_run_id = $1, _updated_at = $2
FROM "stage"."shop_orders__silver" s
WHERE s._kind = 4 AND t._key_hash = s._key_hash AND t._valid_to IS NULL AND t._scd1_hash <> s._scd1_hash;

UPDATE "silver"."shop_orders" t SET _valid_to = s._valid_to, _is_deleted = s._is_deleted, _updated_by_run_id = $1, _updated_at = $2
FROM "stage"."shop_orders__silver" s
WHERE s._kind = 4 AND t._key_hash = s._key_hash AND t._valid_to IS NULL AND s._valid_to IS NOT NULL;

UPDATE "silver"."shop_orders" t SET _valid_to = s._valid_from, _is_deleted = $1, _updated_by_run_id = $2, _updated_at = $3
FROM "stage"."shop_orders__silver" s
WHERE s._is_first AND s._kind = $4 AND t._key_hash = s._key_hash AND t._valid_to IS NULL;

UPDATE "silver"."shop_orders" t SET _valid_to = s._valid_from, _is_deleted = $1, _updated_by_run_id = $2, _updated_at = $3
FROM "stage"."shop_orders__silver" s
WHERE s._is_first AND s._kind = $4 AND t._key_hash = s._key_hash AND t._valid_to IS NULL;

INSERT INTO "silver"."shop_orders" ("order_no", "region", "state", "note", "amount", "weight", "is_paid", "opened", "day_time", "local_at", "updated_at", "hits", "phone", "ref", "items", "seal", "rate",
    "_key_hash", "_scd1_hash", "_scd2_hash", "_valid_from", "_valid_to", "_is_deleted", "_run_id", "_run_timestamp", "_updated_by_run_id", "_created_at", "_updated_at", "_recorded_at")
SELECT s."order_no", s."region", s."state", s."note", s."amount", s."weight", s."is_paid", s."opened", s."day_time", s."local_at", s."updated_at", s."hits", s."phone", s."ref", s."items", s."seal", s."rate", s._key_hash, s._scd1_hash, s._scd2_hash, s._valid_from,
    s._valid_to, s._is_deleted, s._run_id, s._run_timestamp, $1, coalesce(s._created_at, $2),
    $3, $4
FROM "stage"."shop_orders__silver" s WHERE s._kind = 0;

UPDATE "stage"."shop_orders__silver" s SET _created_at = t._created_at FROM "silver"."shop_orders" t
WHERE s._kind = 2 AND t._key_hash = s._key_hash AND t._valid_from = s._valid_from
    AND t._superseded_at IS NULL;

UPDATE "silver"."shop_orders" t SET _superseded_at = $1, _updated_by_run_id = $2, _updated_at = $3
FROM "stage"."shop_orders__silver" k WHERE k._kind = 3 AND t._key_hash = k._key_hash AND t._superseded_at IS NULL AND NOT EXISTS (
    SELECT FROM "stage"."shop_orders__silver" s
    WHERE s._kind = 2 AND s._key_hash = t._key_hash AND s._valid_from = t._valid_from
        AND s._valid_to IS NOT DISTINCT FROM t._valid_to AND s._is_deleted = t._is_deleted
        AND s._scd1_hash = t._scd1_hash AND s._scd2_hash = t._scd2_hash
        AND s._run_id = t._run_id AND s."hits" IS NOT DISTINCT FROM t."hits");

INSERT INTO "silver"."shop_orders" ("order_no", "region", "state", "note", "amount", "weight", "is_paid", "opened", "day_time", "local_at", "updated_at", "hits", "phone", "ref", "items", "seal", "rate",
    "_key_hash", "_scd1_hash", "_scd2_hash", "_valid_from", "_valid_to", "_is_deleted", "_run_id", "_run_timestamp", "_updated_by_run_id", "_created_at", "_updated_at", "_recorded_at")
SELECT s."order_no", s."region", s."state", s."note", s."amount", s."weight", s."is_paid", s."opened", s."day_time", s."local_at", s."updated_at", s."hits", s."phone", s."ref", s."items", s."seal", s."rate", s._key_hash, s._scd1_hash, s._scd2_hash, s._valid_from,
    s._valid_to, s._is_deleted, s._run_id, s._run_timestamp, $1, coalesce(s._created_at, $2),
    $3, $4
FROM "stage"."shop_orders__silver" s WHERE s._kind = 2 AND NOT EXISTS (
    SELECT FROM "silver"."shop_orders" t
    WHERE t._key_hash = s._key_hash AND t._valid_from = s._valid_from AND t._superseded_at IS NULL);
