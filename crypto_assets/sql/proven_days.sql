-- A summary of the trades of a range of days of one symbol, each of which must be proven complete;
-- otherwise an error that names the days, what is known of them and the ids they lack. Needs a symbol
-- and dates.
SELECT
    venue, symbol, date,
    count(*) AS trade_count,
    min(trade_id) AS first_trade_id,
    max(trade_id) AS last_trade_id,
    sum(quantity) AS volume
FROM complete_trades(
    getvariable('symbol'),
    getvariable('first_date'),
    getvariable('last_date'),
    of_venue := getvariable('venue')
)
GROUP BY ALL
ORDER BY date
