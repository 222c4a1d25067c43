ALTER TABLE "silver"."shop_orders" DROP CONSTRAINT "shop_orders_pk";

DROP INDEX "silver"."shop_orders_open";

ALTER TABLE "silver"."shop_orders" ADD CONSTRAINT "shop_orders_pk" PRIMARY KEY (_key_hash, _valid_from);

CREATE UNIQUE INDEX "shop_orders_open" ON "silver"."shop_orders" (_key_hash) WHERE _valid_to IS NULL;
