-- description: Countries and territories for which ISO 4217 lists no currency of their own
-- materialize: view
-- key: alpha_2

-- An ISO 4217 code is its country's alpha_2 and a letter of the currency's name. So the members of a currency union are
-- here as well: the euro (EUR) and the CFA francs (XAF, XOF) belong to no single country's code. Which foreign currency
-- a country uses is not part of the standard's code list.
SELECT
    c.alpha_2,
    coalesce(c.common_name, c.name) AS country,
    c.flag
FROM silver.iso_countries_current AS c
WHERE NOT EXISTS (
    SELECT FROM silver.iso_currencies_current AS m WHERE left(m.alpha_3, 2) = c.alpha_2
)
ORDER BY c.alpha_2;
