-- How far bid and ask were apart, by hour of the day in UTC, in quote units and in basis points of
-- the middle price; of every second at whose end both were known.
SELECT
    venue, symbol, hour, count(*) AS seconds,
    min(spread) AS narrowest,
    quantile_disc(spread, 0.5) AS median_spread,
    max(spread) AS widest,
    avg(CAST(spread AS DOUBLE) * 20_000 / CAST(bid + ask AS DOUBLE)) AS mean_basis_points
FROM (
    SELECT venue, symbol, date, bid, ask, spread,
        epoch_us(ts_open) // 3_600_000_000 % 24 AS hour
    FROM bars_1s
    WHERE bid > 0 AND ask > 0
)
WHERE venue = coalesce(getvariable('venue'), venue)
    AND symbol = coalesce(getvariable('symbol'), symbol)
    AND date BETWEEN coalesce(CAST(getvariable('first_date') AS DATE), date)
        AND coalesce(CAST(getvariable('last_date') AS DATE), date)
GROUP BY ALL
ORDER BY venue, symbol, hour
