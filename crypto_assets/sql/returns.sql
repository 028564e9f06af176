-- The return of every hour against the hour before it, as a float, and its logarithm. The first hour
-- has none, nor has one after an hour that is not there.
SELECT
    venue, symbol, ts_open, close,
    CASE WHEN follows THEN CAST(close AS DOUBLE) / CAST(before AS DOUBLE) - 1 END AS simple_return,
    CASE WHEN follows THEN ln(CAST(close AS DOUBLE) / CAST(before AS DOUBLE)) END AS log_return
FROM (
    SELECT venue, symbol, ts_open, close,
        lag(close) OVER hours AS before,
        epoch_us(ts_open) - epoch_us(lag(ts_open) OVER hours) = 3_600_000_000 AS follows
    FROM bars_1h
    WHERE venue = coalesce(getvariable('venue'), venue)
        AND symbol = coalesce(getvariable('symbol'), symbol)
        AND date BETWEEN coalesce(CAST(getvariable('first_date') AS DATE), date)
            AND coalesce(CAST(getvariable('last_date') AS DATE), date)
    WINDOW hours AS (PARTITION BY venue, symbol ORDER BY ts_open)
)
ORDER BY venue, symbol, ts_open
