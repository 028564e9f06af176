"""New trades are fetched from behind the last one stored, whatever happened to the run before."""

from __future__ import annotations

import datetime as dt
import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crypto_assets.errors import Refused
from crypto_assets.exchange import FLAT_OUT, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.interval import SECOND_US
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps, incremental
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.fold import FAN
from crypto_assets.pipeline.incremental import fetch_new, last_id
from crypto_assets.pipeline.status import status_of
from crypto_assets.sources.budget import Budget
from crypto_assets.sources.history import TradeHistory

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
BTC = DAY.instrument
MARKET = random_market(["BTCUSDT"], DAY.end_us - 300 * SECOND_US, 600, 20, seed=4)
TAPE = MARKET.tapes["BTCUSDT"]
FIRST, LAST = int(TAPE.ids[0]), int(TAPE.ids[-1])
MIDNIGHT = FIRST + TAPE.trades_until(DAY.end_us - 1)
"""The first trade of the next day."""
SPAWN = multiprocessing.get_context("spawn")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def exchange() -> Iterator[Remote]:
    """An exchange whose clock stands at the end of the market."""
    with run_in_thread(MARKET, pace=FLAT_OUT) as found:
        found.jump(MARKET.end_us)
        yield found


def history(exchange: Remote) -> TradeHistory:
    return TradeHistory(exchange.http_url, Budget(limit=10**9), sleep=lambda _: None)


def stored(lake: Lake) -> Coverage:
    """The ids of both days; fails where one is there twice."""
    found = Coverage()
    for day in (DAY, DAY.next):
        parts = lake.parts("raw_trades", day)
        mine = lake.coverage(day)
        assert sum(part.manifest.rows for part in parts) == len(mine)
        assert not len(found & mine)
        found |= mine
    return found


def test_with_nothing_stored_it_begins_with_the_first_trade_of_today(
    exchange: Remote,
    lake: Lake,
) -> None:
    found = fetch_new(lake, BTC, history(exchange), 10**6)
    assert (found.count, found.touched, found.why) == (LAST - MIDNIGHT + 1, (DAY.next,), None)
    assert stored(lake) == Coverage.of([(MIDNIGHT, LAST)])
    assert exchange.counters.requests["historicalTrades"] == -(-found.count // 1_000)
    again = fetch_new(lake, BTC, history(exchange), 10**6)
    assert (again.count, again.touched) == (0, ())


def test_with_a_day_it_begins_with_the_first_trade_of_that_day(
    exchange: Remote,
    lake: Lake,
) -> None:
    found = fetch_new(lake, BTC, history(exchange), 10**6, DAY.date)
    assert found.touched == (DAY, DAY.next)
    assert stored(lake) == Coverage.of([(FIRST, LAST)])
    build(lake, [DAY, DAY.next])
    assert status_of(lake, DAY).sources == {"rest": MIDNIGHT - FIRST}
    assert status_of(lake, DAY).missing == []


def test_a_day_that_is_asked_for_does_not_undo_what_is_stored_after_it(
    exchange: Remote,
    lake: Lake,
) -> None:
    fetch_new(lake, BTC, history(exchange), 10**6)
    assert fetch_new(lake, BTC, history(exchange), 10**6, DAY.date).count == 0
    assert last_id(lake, BTC) == last_id(lake, BTC, DAY.next.date) == LAST
    assert last_id(lake, BTC, DAY.next.next.date) is None
    later = DAY.next.next.date + dt.timedelta(days=1)
    assert fetch_new(lake, BTC, history(exchange), 10**6, later).count == 0


def test_every_run_goes_on_where_the_last_one_ended(lake: Lake) -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        for seconds in range(5, 300, 15):
            at = DAY.end_us + seconds * SECOND_US
            exchange.jump(at)
            found = fetch_new(lake, BTC, history(exchange), 10**6)
            until = FIRST + TAPE.trades_until(at) - 1
            # The last aggregate is there with its last trade.
            assert stored(lake) == Coverage.of([(MIDNIGHT, last_id(lake, BTC) or 0)])
            assert until - 20 < (last_id(lake, BTC) or 0) <= until
            assert found.why is None
        exchange.jump(MARKET.end_us)
        fetch_new(lake, BTC, history(exchange), 10**6)
    assert stored(lake) == Coverage.of([(MIDNIGHT, LAST)])
    # Twenty-one runs, and what they fetched was folded on the way.
    assert len(lake.parts("raw_trades", DAY.next)) == 21 - FAN + 1
    assert gaps.missing_of(lake, DAY.next) == Coverage()


def test_more_than_is_allowed_is_left_to_the_archive(exchange: Remote, lake: Lake) -> None:
    count = LAST - MIDNIGHT + 1
    found = fetch_new(lake, BTC, history(exchange), count - 1)
    assert (found.count, found.touched) == (0, ())
    assert found.why is not None
    assert f"found {count:,} from id {MIDNIGHT} on; the archive's daily files" in found.why
    assert "historicalTrades" not in exchange.counters.requests
    assert fetch_new(lake, BTC, history(exchange), count).count == count


def test_what_was_taken_before_the_exchange_failed_is_kept_and_told(
    exchange: Remote,
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(incremental, "_LINES_A_PART", 1_000)

    def fail(count: int) -> None:
        if count:
            exchange.inject({"refuse": 503})

    found = fetch_new(lake, BTC, history(exchange), 10**6, progress=fail)
    assert (found.count, found.touched) == (1_000, (DAY.next,))
    assert found.why is not None
    assert "503" in found.why
    exchange.inject({"refuse": None})
    assert fetch_new(lake, BTC, history(exchange), 10**6).why is None
    assert stored(lake) == Coverage.of([(MIDNIGHT, LAST)])


def test_a_host_that_serves_no_trades_by_id_is_named(exchange: Remote, lake: Lake) -> None:
    exchange.inject({"unserved": ["historicalTrades"]})
    with pytest.raises(Refused, match="404"):
        fetch_new(lake, BTC, history(exchange), 10**6)
    assert last_id(lake, BTC) is None


def test_what_the_database_does_not_have_yet_is_fetched_by_the_next_run(
    exchange: Remote,
    lake: Lake,
) -> None:
    exchange.inject({"rest_lag_ids": 7})
    fetch_new(lake, BTC, history(exchange), 10**6)
    assert LAST - 30 < (last_id(lake, BTC) or 0) <= LAST - 7
    exchange.inject({"rest_lag_ids": 0})
    fetch_new(lake, BTC, history(exchange), 10**6)
    assert stored(lake) == Coverage.of([(MIDNIGHT, LAST)])


def fetch(root: str, url: str) -> None:
    """Fetch both days in small parts, as a process of its own."""
    incremental._LINES_A_PART = 1_000  # type: ignore[misc]
    asked = TradeHistory(url, Budget(limit=10**9))
    fetch_new(Lake(Path(root)), BTC, asked, 10**6, DAY.date)


def test_killed_anywhere_it_neither_loses_nor_repeats(exchange: Remote, lake: Lake) -> None:
    exchange.inject({"slow_answer_s": 0.02})
    pages = -(-(LAST - FIRST + 1) // 1_000)
    for at in range(2, pages, 3):
        before = exchange.counters.requests.get("historicalTrades", 0)
        victim = SPAWN.Process(target=fetch, args=(str(lake.layout.root), exchange.http_url))
        victim.start()
        _until(
            lambda before=before, at=at: (  # type: ignore[misc]
                exchange.counters.requests.get("historicalTrades", 0) - before >= min(at, 3)
            ),
        )
        victim.kill()
        victim.join()
        assert victim.exitcode == -9
        stored(lake)
    assert len(stored(lake))
    fetch(str(lake.layout.root), exchange.http_url)
    assert stored(lake) == Coverage.of([(FIRST, LAST)])
    build(lake, [DAY, DAY.next])
    assert [status_of(lake, day).missing for day in (DAY, DAY.next)] == [[], []]


def test_two_at_once_fetch_each_trade_once(exchange: Remote, lake: Lake) -> None:
    both = [
        SPAWN.Process(target=fetch, args=(str(lake.layout.root), exchange.http_url))
        for _ in range(2)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [one.exitcode for one in both] == [0, 0]
    assert stored(lake) == Coverage.of([(FIRST, LAST)])
    assert exchange.counters.requests["historicalTrades"] == -(-(LAST - FIRST + 1) // 1_000)


def _until(what: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)
