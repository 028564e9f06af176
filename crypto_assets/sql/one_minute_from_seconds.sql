-- One-minute bars made of one-second ones: what the view bars_1m has, written out. A bar opens with
-- the first trade of its minute and closes with the last; a minute without a trade repeats the last
-- close before it.
SELECT
    venue, symbol, date,
    make_timestamptz(epoch_us(ts_open) - epoch_us(ts_open) % 60_000_000) AS ts_minute,
    coalesce(arg_min(open, ts_open) FILTER (trade_count > 0), arg_max_null(close, ts_open)) AS open,
    coalesce(max(high) FILTER (trade_count > 0), arg_max_null(close, ts_open)) AS high,
    coalesce(min(low) FILTER (trade_count > 0), arg_max_null(close, ts_open)) AS low,
    coalesce(arg_max(close, ts_open) FILTER (trade_count > 0), arg_max_null(close, ts_open)) AS close,
    sum(volume) AS volume,
    sum(quote_volume) AS quote_volume,
    CAST(sum(trade_count) AS BIGINT) AS trade_count,
    sum(taker_buy_volume) AS taker_buy_volume,
    sum(taker_buy_quote_volume) AS taker_buy_quote_volume,
    bool_and(is_complete) AS is_complete
FROM bars_1s
WHERE venue = coalesce(getvariable('venue'), venue)
    AND symbol = coalesce(getvariable('symbol'), symbol)
    AND date BETWEEN coalesce(CAST(getvariable('first_date') AS DATE), date)
        AND coalesce(CAST(getvariable('last_date') AS DATE), date)
GROUP BY ALL
ORDER BY venue, symbol, ts_minute
