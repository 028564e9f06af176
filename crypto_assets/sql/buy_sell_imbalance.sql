-- By hour, what takers bought and sold, and the difference as a share of both: 1 where all of it was
-- bought, -1 where all was sold.
SELECT
    venue, symbol, ts_open, trade_count,
    taker_buy_volume AS bought,
    volume - taker_buy_volume AS sold,
    CAST(2 * taker_buy_volume - volume AS DOUBLE) / nullif(CAST(volume AS DOUBLE), 0) AS imbalance
FROM bars_1h
WHERE venue = coalesce(getvariable('venue'), venue)
    AND symbol = coalesce(getvariable('symbol'), symbol)
    AND date BETWEEN coalesce(CAST(getvariable('first_date') AS DATE), date)
        AND coalesce(CAST(getvariable('last_date') AS DATE), date)
ORDER BY venue, symbol, ts_open
