-- description: ISO 639-3 languages counted by scope (individual, macrolanguage, special) and type (living, extinct …)
-- materialize: view
-- key: scope, type

SELECT
    l.scope,
    CASE l.scope
        WHEN 'I' THEN 'individual' WHEN 'M' THEN 'macrolanguage' WHEN 'S' THEN 'special code' ELSE 'unknown'
    END AS scope_name,
    l.type,
    CASE l.type
        WHEN 'A' THEN 'ancient' WHEN 'C' THEN 'constructed' WHEN 'E' THEN 'extinct'
        WHEN 'H' THEN 'historical' WHEN 'L' THEN 'living' WHEN 'S' THEN 'special code' ELSE 'unknown'
    END AS type_name,
    count(*) AS nr_languages,
    count(l.alpha_2) AS nr_with_two_letter_code
FROM silver.iso_languages_current AS l
GROUP BY l.scope, l.type
ORDER BY nr_languages DESC, l.scope, l.type;
