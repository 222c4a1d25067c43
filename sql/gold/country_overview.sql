-- description: One row per country: names, flag, subdivisions, and the currencies of its own
-- materialize: view
-- key: alpha_2

SELECT
    c.alpha_2,
    c.alpha_3,
    s.country,
    c.official_name,
    c.flag,
    s.nr_subdivisions,
    s.nr_first_level,
    s.kinds AS subdivision_kinds,
    m.currencies AS own_currencies
FROM silver.iso_countries_current AS c
JOIN gold.subdivisions_per_country AS s ON s.alpha_2 = c.alpha_2
LEFT JOIN (
    SELECT
        left(alpha_3, 2) AS alpha_2,
        string_agg(alpha_3 || ' ' || name, ', ' ORDER BY alpha_3) AS currencies
    FROM silver.iso_currencies_current
    GROUP BY left(alpha_3, 2)
) AS m ON m.alpha_2 = c.alpha_2
ORDER BY c.alpha_2;
