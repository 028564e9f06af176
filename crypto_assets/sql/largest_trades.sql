-- The ten trades that were worth most, in quote units.
SELECT
    venue, symbol, ts_event, trade_id, price, quantity,
    coalesce(quoted_value, CAST(price * quantity AS DECIMAL(28, 8))) AS value,
    CASE WHEN is_buyer_maker THEN 'sell' ELSE 'buy' END AS taker
FROM trades
WHERE venue = coalesce(getvariable('venue'), venue)
    AND symbol = coalesce(getvariable('symbol'), symbol)
    AND date BETWEEN coalesce(CAST(getvariable('first_date') AS DATE), date)
        AND coalesce(CAST(getvariable('last_date') AS DATE), date)
ORDER BY value DESC, trade_id
LIMIT 10
