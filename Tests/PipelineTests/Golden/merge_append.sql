INSERT INTO audit.rejected_record (run_id, system_id, entity_name, layer, raw_file, record_no, run_timestamp,
    column_name, reason)
SELECT $1, $2, $3, 'silver', s._raw_file, s._record_no,
    $4, $5, 'a fixed column changed'
FROM "stage"."shop_orders__silver" s JOIN "silver"."shop_orders" t ON t._key_hash = s._key_hash AND t._valid_to IS NULL AND s._change <> 'delete'
    AND (t."opened" IS DISTINCT FROM s."opened")
ON CONFLICT DO NOTHING;

DELETE FROM "stage"."shop_orders__silver" s USING "silver"."shop_orders" t WHERE t._key_hash = s._key_hash AND t._valid_to IS NULL AND s._change <> 'delete'
    AND (t."opened" IS DISTINCT FROM s."opened");

UPDATE "silver"."shop_orders" t SET _valid_to = $1, _is_deleted = true,
    _updated_by_run_id = $2, _updated_at = $3
FROM (SELECT _key_hash FROM "stage"."shop_orders__silver" WHERE _change = 'delete' ORDER BY _key_hash) s
WHERE s._key_hash = t._key_hash AND t._valid_to IS NULL;

UPDATE "silver"."shop_orders" t SET _valid_to = $1, _updated_by_run_id = $2,
    _updated_at = $3
FROM (SELECT _key_hash, _scd2_hash FROM "stage"."shop_orders__silver" WHERE _change <> 'delete' ORDER BY _key_hash) s
WHERE s._key_hash = t._key_hash AND t._valid_to IS NULL AND s._scd2_hash <> t._scd2_hash;

UPDATE "silver"."shop_orders" t SET "updated_at" = s."updated_at", "phone" = s."phone", _scd1_hash = s._scd1_hash,
    _updated_by_run_id = $1, _updated_at = $2
FROM (SELECT * FROM "stage"."shop_orders__silver" WHERE _change <> 'delete' ORDER BY _key_hash) s
WHERE s._key_hash = t._key_hash AND t._valid_to IS NULL
    AND s._scd2_hash = t._scd2_hash AND s._scd1_hash <> t._scd1_hash;

INSERT INTO "silver"."shop_orders" ("order_no", "region", "state", "note", "amount", "weight", "is_paid", "opened", "day_time", "local_at", "updated_at", "hits", "phone", "ref", "items", "seal", "rate", _key_hash, _scd1_hash, _scd2_hash, _valid_from,
    _is_deleted, _run_id, _run_timestamp, _updated_by_run_id, _created_at, _updated_at)
SELECT s."order_no", s."region", s."state", s."note", s."amount", s."weight", s."is_paid", s."opened", s."day_time", s."local_at", s."updated_at", s."hits", s."phone", s."ref", s."items", s."seal", s."rate", s._key_hash, s._scd1_hash, s._scd2_hash,
    $1, false, $2, $3, $4, $5, $6
FROM (SELECT * FROM "stage"."shop_orders__silver" WHERE _change <> 'delete' ORDER BY _key_hash) s
WHERE NOT EXISTS (
    SELECT FROM "silver"."shop_orders" t WHERE t._key_hash = s._key_hash);

DELETE FROM "silver"."shop_orders" t USING "stage"."shop_orders__silver" s
WHERE s._key_hash = t._key_hash AND s._change = 'delete';
