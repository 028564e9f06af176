-- The volume-weighted average price of every day, and whether the day is proven complete. Volumes
-- are exact; the average is a quotient, rounded to a float.
SELECT
    b.venue, b.symbol, b.date, k.condition, coalesce(k.is_proven, false) AS is_proven,
    CAST(sum(b.trade_count) AS BIGINT) AS trade_count,
    sum(b.volume) AS volume,
    sum(b.quote_volume) AS quote_volume,
    CAST(sum(b.quote_volume) AS DOUBLE) / nullif(CAST(sum(b.volume) AS DOUBLE), 0) AS vwap
FROM bars_1s AS b
LEFT JOIN completeness AS k USING (venue, symbol, date)
WHERE b.venue = coalesce(getvariable('venue'), b.venue)
    AND b.symbol = coalesce(getvariable('symbol'), b.symbol)
    AND b.date BETWEEN coalesce(CAST(getvariable('first_date') AS DATE), b.date)
        AND coalesce(CAST(getvariable('last_date') AS DATE), b.date)
GROUP BY ALL
ORDER BY b.venue, b.symbol, b.date
