-- How many days of every month are proven complete, how many are not, how many trade ids are known
-- to be missing, and which conditions the days are in.
SELECT
    venue, symbol, date_trunc('month', date) AS month,
    count(*) AS days,
    count(*) FILTER (is_proven) AS proven_days,
    coalesce(CAST(sum(missing_ids) AS BIGINT), 0) AS missing_ids,
    string_agg(DISTINCT condition, ' ' ORDER BY condition) AS conditions
FROM completeness
WHERE venue = coalesce(getvariable('venue'), venue)
    AND symbol = coalesce(getvariable('symbol'), symbol)
    AND date BETWEEN coalesce(CAST(getvariable('first_date') AS DATE), date)
        AND coalesce(CAST(getvariable('last_date') AS DATE), date)
GROUP BY ALL
ORDER BY venue, symbol, month
