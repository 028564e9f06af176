-- Every minute of which our bar and the exchange's own kline differ in any field; none when the
-- trades are all there.
SELECT
    b.venue, b.symbol, b.ts_open, b.open, k.open AS kline_open, b.high, k.high AS kline_high,
    b.low, k.low AS kline_low, b.close, k.close AS kline_close, b.volume, k.volume AS kline_volume,
    b.trade_count, k.trade_count AS kline_trade_count
FROM (
    SELECT * FROM bars_1m
    WHERE venue = coalesce(getvariable('venue'), venue)
        AND symbol = coalesce(getvariable('symbol'), symbol)
        AND date BETWEEN coalesce(CAST(getvariable('first_date') AS DATE), date)
            AND coalesce(CAST(getvariable('last_date') AS DATE), date)
) AS b
JOIN klines AS k USING (venue, symbol, date, ts_open)
WHERE k.interval = '1m'
    AND (b.open, b.high, b.low, b.close, b.volume, b.quote_volume, b.trade_count,
        b.taker_buy_volume, b.taker_buy_quote_volume)
    IS DISTINCT FROM (k.open, k.high, k.low, k.close, k.volume, k.quote_volume, k.trade_count,
        k.taker_buy_volume, k.taker_buy_quote_volume)
ORDER BY b.venue, b.symbol, b.ts_open
