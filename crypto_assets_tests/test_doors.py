"""Every process on a lake that talks to a host keeps to one budget, and to every ban."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto_assets.doors.exchanges import budget_of, history_of
from crypto_assets.errors import StreamLost
from crypto_assets.exchange import FLAT_OUT, Limits, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
MARKET = random_market(["BTCUSDT"], DAY.start_us, 60, 10, seed=3)
FIRST = int(MARKET.tapes["BTCUSDT"].ids[0])
NOW_S = 1e9
SPAWN = multiprocessing.get_context("spawn")


def ask(root: str, url: str, times: int) -> None:
    """Ask for a trade so many times, waiting as long as the host says."""
    history = history_of(Lake(Path(root)), url)
    for number in range(times):
        assert len(history.lines("BTCUSDT", FIRST + number, 1)) == 1


def spend(root: str, url: str) -> None:
    """Ask as often as this minute's budget lets; whoever would have to wait ends."""
    history = history_of(Lake(Path(root)), url)
    history.rest.guard.patience_s = 0
    history.rest.guard.now = lambda: NOW_S
    try:
        while True:
            history.lines("BTCUSDT", FIRST, 1)
    except StreamLost:
        return


def take_a_turn_and_die(root: str, url: str) -> None:
    """Be killed while asking."""
    with history_of(Lake(Path(root)), url).rest.guard.turn(25):
        os.kill(os.getpid(), signal.SIGKILL)


def together(count: int, what: Callable[..., None], *given: object) -> None:
    processes = [SPAWN.Process(target=what, args=given) for _ in range(count)]
    for one in processes:
        one.start()
    for one in processes:
        one.join()
    assert [one.exitcode for one in processes] == [0] * count


@pytest.mark.parametrize("status", [418, 429])
def test_after_a_ban_no_process_asks_before_it_has_passed(status: int, tmp_path: Path) -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(MARKET.end_us)
        exchange.inject({"refuse": status, "refuse_times": 1, "retry_after_s": 3})
        processes = [
            SPAWN.Process(target=ask, args=(str(tmp_path), exchange.http_url, 3)) for _ in range(3)
        ]
        for one in processes:
            one.start()
        # Seen from before the refusal to after the next request: however slow this machine is,
        # that is never less than what lies between the two.
        before, count = time.monotonic(), 0
        while count < 2 and any(one.is_alive() for one in processes):
            at, count = time.monotonic(), sum(exchange.counters.statuses.values())
            before = before if count else at
            time.sleep(0.02)
        assert time.monotonic() - before >= 3
        for one in processes:
            one.join()
        assert [one.exitcode for one in processes] == [0] * 3
        assert exchange.counters.statuses == {status: 1, 200: 9}


def test_together_they_spend_their_share_and_are_never_refused(tmp_path: Path) -> None:
    limits = Limits(weight_per_minute=500)
    with run_in_thread(MARKET, pace=FLAT_OUT, limits=limits) as exchange:
        exchange.jump(MARKET.end_us)
        _limit(tmp_path, exchange, 500)
        together(3, spend, str(tmp_path), exchange.http_url)
        # Half of 500, at 25 each.
        assert exchange.counters.statuses == {200: 10}


def test_who_is_killed_while_asking_holds_nobody_up_and_is_counted(tmp_path: Path) -> None:
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        exchange.jump(MARKET.end_us)
        killed = SPAWN.Process(target=take_a_turn_and_die, args=(str(tmp_path), exchange.http_url))
        killed.start()
        killed.join()
        assert killed.exitcode == -9
        with budget_of(Lake(tmp_path), exchange.http_url).opened() as budget:
            assert budget.spent.used == 25
        ask(str(tmp_path), exchange.http_url, 1)


def test_hosts_have_budgets_of_their_own(tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    urls = ("https://one.example", "https://two.example", "http://one.example:80")
    one, two, other_port = (budget_of(lake, url) for url in urls)
    with one.opened() as budget:
        budget.ban(0.0, 10.0)
    for each, wait in ((one, 9.0), (two, 0.0), (other_port, 0.0)):
        with each.opened() as budget:
            assert budget.wait_s(1.0, 1) == wait
    assert budget_of(lake, "https://one.example/") == one


def _limit(root: Path, exchange: Remote, limit: int) -> None:
    """Let it be known how much of the minute is left of a smaller limit than the exchange's own."""
    with budget_of(Lake(root), exchange.http_url).opened() as budget:
        budget.tell(NOW_S, int(budget.limit * budget.share) - limit // 2)
