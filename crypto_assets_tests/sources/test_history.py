"""Old trades by id, and which ids were traded at all."""

from __future__ import annotations

import pytest

from crypto_assets.errors import Refused, StreamLost
from crypto_assets.exchange import FLAT_OUT, Remote, random_market, run_in_thread
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.partition import Partition
from crypto_assets.sources.budget import Budget, budget_of
from crypto_assets.sources.history import TradeHistory

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
MARKET = random_market(["BTCUSDT"], DAY.start_us, 600, 10, seed=3)
TAPE = MARKET.tapes["BTCUSDT"]
FIRST = int(TAPE.ids[0])


def history(exchange: Remote) -> TradeHistory:
    return TradeHistory(exchange.http_url, Budget(limit=10**6), sleep=lambda _: None)


def test_trades_come_as_the_archive_writes_them() -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(MARKET.end_us)
        lines = history(exchange).lines("BTCUSDT", FIRST + 5, 3)
    assert [int(line.split(",")[0]) for line in lines] == [FIRST + 5, FIRST + 6, FIRST + 7]
    row = TAPE.trades.row(5, named=True)
    assert lines[0].split(",")[1:5] == [
        str(row["price"]),
        str(row["quantity"]),
        str(row["quote"]),
        str(row["time_us"]),
    ]


def test_aggregates_cover_every_id_between_two_instants_over_pages() -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(MARKET.end_us)
        found = history(exchange).covered("BTCUSDT", (DAY.start_us, DAY.end_us))
        assert exchange.counters.requests["aggTrades"] > 1
        middle = history(exchange).covered("BTCUSDT", (TAPE.first_us, TAPE.first_us))
    assert found == Coverage.of([(FIRST, FIRST + TAPE.trades.height - 1)])
    assert middle.first == FIRST
    assert len(middle) < 100


def test_a_refusal_is_told_from_a_server_that_may_be_asked_again() -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.inject({"unserved": ["historicalTrades"]})
        with pytest.raises(Refused, match="404"):
            history(exchange).lines("BTCUSDT", FIRST, 1)
        exchange.inject({"refuse": 418, "retry_after_s": 30})
        asked = history(exchange)
        with pytest.raises(StreamLost) as banned:
            asked.covered("BTCUSDT", (0, 1))
        assert banned.value.retry_after == 30
        assert asked.budget.wait_s(asked.now(), 1) > 29


def test_a_host_has_one_budget() -> None:
    assert budget_of("https://one.example") is budget_of("https://one.example")
    assert budget_of("https://one.example") is not budget_of("https://two.example")
