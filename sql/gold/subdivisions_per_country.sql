-- description: ISO 3166-2 subdivisions of each country: all, those of the first level, and their kinds
-- materialize: table
-- key: alpha_2

-- Countries without subdivisions are there with 0. A subdivision's code begins with its country's alpha_2; one without
-- parent is of the first level.
SELECT
    c.alpha_2,
    coalesce(c.common_name, c.name) AS country,
    count(s.code) AS nr_subdivisions,
    count(s.code) FILTER (WHERE s.parent IS NULL) AS nr_first_level,
    string_agg(DISTINCT s.type, ', ' ORDER BY s.type) AS kinds
FROM silver.iso_countries_current AS c
LEFT JOIN silver.iso_subdivisions_current AS s ON split_part(s.code, '-', 1) = c.alpha_2
GROUP BY c.alpha_2, c.common_name, c.name
ORDER BY nr_subdivisions DESC, c.alpha_2;
