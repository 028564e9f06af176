-- Every range of trade ids that was ever missing: how many, when, why, and what became of it.
SELECT
    venue, symbol, date, first_trade_id, last_trade_id, count AS ids, state, cause,
    ts_before, ts_after, source
FROM gaps
WHERE venue = coalesce(getvariable('venue'), venue)
    AND symbol = coalesce(getvariable('symbol'), symbol)
    AND date BETWEEN coalesce(CAST(getvariable('first_date') AS DATE), date)
        AND coalesce(CAST(getvariable('last_date') AS DATE), date)
ORDER BY venue, symbol, date, first_trade_id
