"""Whatever instant a process is killed at, the next one goes on, and in the end nothing shows."""

from __future__ import annotations

import random
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import msgspec
import polars as pl
import pytest
from rich.console import Console

from crypto_assets.collector import Exit, Options, status
from crypto_assets.exchange import PAUSED, Limits, Pace, Remote, random_market, run_in_thread
from crypto_assets.lake import segments
from crypto_assets.lake.blocks import Block, Torn, blocks
from crypto_assets.lake.draft import hash_of
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.layout import Layout
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.tables import TRADES
from crypto_assets.pipeline.heal import heal
from crypto_assets.pipeline.segments import take_segments, waiting
from crypto_assets.pipeline.status import known_partitions, status_of
from crypto_assets_tests.trials import victims
from crypto_assets_tests.trials.proof import (
    damage,
    doors_of,
    files,
    held,
    left_over,
    not_exactly_once,
    repeatable,
    torn,
    values,
)
from crypto_assets_tests.trials.recording import Collector, collecting, until

SYMBOLS = ("BTCUSDT", "ETHUSDT")
BEFORE_MIDNIGHT_US = 1_740_787_190_000_000
"""Ten seconds before a midnight UTC."""
COLLECTORS, INGESTS, COMPACTIONS = 0.4, 0.3, 0.3
"""How the kills are shared out."""
KILLS_A_LAKE = 12
"""Of an ingest."""
HOT = ("raw_trades", "raw_quotes", "bars_1s")
SEALED = ("daily_trades", "daily_quotes", "daily_bars", "verdicts")
SEALINGS_A_ROUND = 6
"""Kills of a day's sealing for each of its whole build, at most."""
FLUSH_S = 0.05
FLUSHES_LOST = 6
"""As much more than one interval leaves room for a machine that has other things to do."""
Ids = dict[str, list[int]]


def kills_of(share: float, kills: int, seed: int, what: str) -> victims.Kills:
    return victims.Kills(max(round(kills * share), 1), random.Random(f"{seed} {what}"))


@contextmanager
def playing(per_second: float, seconds: int) -> Iterator[Remote]:
    """Run a market that stands still; it begins ten seconds before midnight."""
    market = random_market(SYMBOLS, BEFORE_MIDNIGHT_US, seconds, per_second, 5)
    generous = Limits(weight_per_minute=10**8, connections_per_5min=10**6)
    with run_in_thread(market, pace=PAUSED, limits=generous) as exchange:
        yield exchange


def options_of(exchange: Remote, root: Path) -> Options:
    return Options(
        lake=root,
        symbols=SYMBOLS,
        ws_url=exchange.ws_url,
        http_url=exchange.http_url,
        flush_seconds=FLUSH_S,
        roll_seconds=0.5,
        overlap_seconds=0.1,
        min_free_bytes=1,
    )


def issued(exchange: Remote) -> dict[str, int]:
    """Say the last id of each symbol."""
    return {
        symbol: found[1] for symbol, found in exchange.counters.issued.items() if found is not None
    }


def all_seen(exchange: Remote, *collectors: Collector) -> None:
    """Wait until collectors have recorded the last trade of each symbol."""
    last = issued(exchange)
    until(lambda: all(one.has_seen(last) for one in collectors), "the last trades are recorded")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake of segments alone, of two collectors side by side across midnight."""
    root = tmp_path_factory.mktemp("recorded") / "lake"
    with playing(40, 20) as exchange:
        options = options_of(exchange, root)
        with collecting(options) as one, collecting(options) as other:
            until(lambda: exchange.counters.connections == 2, "two collectors are connected")
            exchange.play(Pace(speed=5))
            until(lambda: exchange.counters.now_us > BEFORE_MIDNIGHT_US + 20_000_000, "the end")
            all_seen(exchange, one, other)
            assert (one.stop(), other.stop()) == (Exit.DONE, Exit.DONE)
    assert len(segments.sealed(Layout(root), victims.VENUE)) >= 10
    return root


def test_an_ingest_killed_at_any_instant_is_as_one_that_never_was(
    recorded: Path,
    tmp_path: Path,
    kills: int,
    seed: int,
) -> None:
    wanted = kills_of(INGESTS, kills, seed, "ingest")
    undisturbed, root = tmp_path / "undisturbed", tmp_path / "lake"
    shutil.copytree(recorded, undisturbed)
    victims.life(victims.ingest, undisturbed)
    expected = kept(undisturbed)
    count = len(segments.sealed(Layout(recorded), victims.VENUE))
    lakes = unfinished = 0
    with repeatable(seed):
        while not wanted.are_done:
            # How long it takes depends on who else is at work: it is measured again and again.
            shutil.copytree(recorded, root)
            whole = victims.life(victims.ingest, root)
            shutil.rmtree(root)
            shutil.copytree(recorded, root)
            lakes += 1
            for _ in range(KILLS_A_LAKE):
                if wanted.are_done:
                    break
                left = len(waiting(Lake(root), victims.VENUE))
                victim = victims.started(victims.ingest, root)
                if not wanted.hit(victim, whole * left / count):
                    break
                unfinished += any(left_over(Lake(root)))
                assert list(torn(Lake(root))) == []
            victims.life(victims.ingest, root)
            # Every input and every record to the byte, and no file more; every value of every part.
            assert kept(root) == expected
            shutil.rmtree(root)
    Console().print(f"ingest: {wanted.told()}, {unfinished} in a write, in {lakes} lakes")


def kept(root: Path) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Say what an ingest has left: its inputs by bytes, the rows by values, what still waits.

    Which parts are folded with which depends on when they came, what they hold does not.
    """
    lake = Lake(root)
    return files(root / "inputs"), values(lake), damage(lake)


def rounds_of(root: Path) -> list[list[str]]:
    """Share the segments out over four rounds in the order they began in, by session and name."""
    found = sorted(segments.sealed(Layout(root), victims.VENUE), key=lambda path: path.name)
    names = [f"{path.parent.name}/{path.name}" for path in found]
    size = -(-len(names) // 4)
    return [names[start : start + size] for start in range(0, len(names), size)]


def given(lake: Lake, recorded: Path, names: Sequence[str]) -> None:
    """Take segments into a lake, undisturbed: copies, for one that is taken moves."""
    source, target = (
        segments.directory(layout, victims.VENUE) for layout in (Layout(recorded), lake.layout)
    )
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, target / name)
    taken, unreadable = take_segments(lake, victims.VENUE, [target / name for name in names])
    assert len(taken) == len(names)
    assert unreadable == {}


def test_a_compaction_killed_at_any_instant_is_as_one_that_never_was(
    recorded: Path,
    tmp_path: Path,
    kills: int,
    seed: int,
) -> None:
    wanted = kills_of(COMPACTIONS, kills, seed, "compaction")
    rounds = rounds_of(recorded)
    undisturbed = Lake(tmp_path / "undisturbed")
    given(undisturbed, recorded, [name for names in rounds for name in names])
    symbol, root = SYMBOLS[0], undisturbed.layout.root
    hot = victims.life(victims.make, root, symbol, HOT)
    sealing = victims.life(victims.make, root, symbol, SEALED)
    expected = values(undisturbed)
    days = known_partitions(undisturbed, symbol)
    assert len(days) == 2
    assert all(status_of(undisturbed, day).is_sealed for day in days)
    assert all(len(undisturbed.parts("raw_trades", day)) > 1 for day in days)
    lakes = unfinished = 0
    with repeatable(seed):
        while not wanted.are_done:
            lake, lakes = Lake(tmp_path / "lake"), lakes + 1
            root = lake.layout.root
            for names in rounds:
                # New parts make the sealed days new versions, which are killed again.
                given(lake, recorded, names)
                plan = [(HOT + SEALED, hot + sealing), *[(SEALED, sealing)] * SEALINGS_A_ROUND]
                for assets, life in plan:
                    victim = victims.started(victims.make, root, symbol, assets)
                    is_killed = not wanted.are_done and wanted.hit(victim, life)
                    victim.join()
                    unfinished += any(left_over(lake))
                    assert list(torn(lake)) == []
                    if not is_killed:
                        break
                    if assets != SEALED:
                        # What is sealed next is made of the bars of all parts.
                        victims.life(victims.make, root, symbol, HOT)
            victims.life(victims.make, root, symbol, HOT)
            victims.life(victims.make, root, symbol, SEALED)
            assert damage(lake) == []
            assert values(lake) == expected
            for day in days:
                found, other = status_of(lake, day), status_of(undisturbed, day)
                assert (found.condition, found.faults) == (other.condition, other.faults)
            shutil.rmtree(root)
    Console().print(f"compaction: {wanted.told()}, {unfinished} in a write, in {lakes} lakes")


@dataclass(frozen=True, slots=True)
class Frames:
    """What can be read of the segments of one session."""

    ids: Ids
    """Trade ids by stream, as they were recorded."""
    last_ns: int
    """When the last frame came."""
    torn: int


def frames_of(session: Path) -> Frames:
    """Read every segment of a session, sealed or growing."""
    ids: Ids = {}
    last_ns = cut = 0
    for path in sorted(session.glob("[!.]*.jsonl.zst*")):
        for block in _blocks_of(path):
            if isinstance(block, Torn):
                cut += 1
                continue
            for line in block.data.splitlines():
                message = msgspec.json.decode(line[20:])
                if "data" in message and "t" in message["data"]:
                    ids.setdefault(message["stream"], []).append(message["data"]["t"])
                    last_ns = int(line[:19])
    return Frames(ids, last_ns, cut)


def _blocks_of(path: Path) -> list[Block | Torn]:
    """Read a segment, which may be sealed at this very moment."""
    try:
        return list(blocks(path))
    except FileNotFoundError:
        return list(blocks(path.with_name(path.name.removesuffix(segments.OPEN))))


def is_run(ids: Sequence[int]) -> bool:
    """Whether ids follow each other without a hole."""
    return list(ids) == list(range(ids[0], ids[0] + len(ids)))


@dataclass(frozen=True, slots=True)
class Death:
    """One killed collector."""

    session: Path
    begun_ns: int
    read: Ids
    """What could be read of its segments just before."""
    at_ns: int


def test_a_collector_killed_at_any_instant_loses_only_its_tail_and_that_is_healed(
    tmp_path: Path,
    kills: int,
    seed: int,
) -> None:
    wanted = kills_of(COLLECTORS, kills, seed, "collector")
    lake, witness = Lake(tmp_path / "lake"), Lake(tmp_path / "witness")
    deaths: dict[int | None, Death] = {}

    def look(victim: BaseProcess) -> None:
        for health in status(lake.layout, victims.VENUE):
            if health.pid == victim.pid:
                session = segments.directory(lake.layout, victims.VENUE, health.session)
                read = frames_of(session).ids
                deaths[victim.pid] = Death(session, health.started_ns, read, time.time_ns())

    with repeatable(seed), playing(150, 900) as exchange:
        options = replace(options_of(exchange, lake.layout.root), duration=1)
        with collecting(options_of(exchange, witness.layout.root)) as other:
            until(lambda: exchange.counters.connections == 1, "the witness is connected")
            exchange.play(Pace())
            # Its life has a start, a recording, rolled segments and an end.
            victims.life(victims.collect, options)
            whole = victims.life(victims.collect, options)
            while not wanted.are_done:
                victim = victims.started(victims.collect, options)
                if not wanted.hit(victim, whole, look):
                    deaths.pop(victim.pid, None)
            with collecting(options_of(exchange, lake.layout.root)) as last:
                until(lambda: last.has_seen(dict.fromkeys(SYMBOLS, 0)), "the last one records")
                exchange.play(PAUSED)
                all_seen(exchange, last, other)
                assert (last.stop(), other.stop()) == (Exit.DONE, Exit.DONE)
        for one in (lake, witness):
            segments.recover(one.layout, victims.VENUE)
        tail = statistics.median(_tail(death) for death in deaths.values())
        for one in (lake, witness):
            assert take_segments(one, victims.VENUE, waiting(one, victims.VENUE))[1] == {}
        missing = sum(len(held(lake, symbol).coverage.missing) for symbol in SYMBOLS)
        assert missing
        doors = doors_of(exchange.http_url)
        for day in known_partitions(lake):
            assert not len(heal(lake, day, doors).left)
        for symbol, last_id in issued(exchange).items():
            found, seen = held(lake, symbol), held(witness, symbol)
            assert found.coverage.first is not None
            assert not_exactly_once(found, (found.coverage.first, last_id)) == []
            assert found.coverage & seen.coverage == found.coverage
            assert _hash(lake, symbol, found.coverage) == _hash(witness, symbol, found.coverage)
        # One kill may fall into a slow write; half of them do not.
        assert tail <= FLUSHES_LOST * FLUSH_S
    assert damage(lake) == []
    Console().print(
        f"collector: {wanted.told()}; {missing} holes healed; what came in the last "
        f"{tail * 1000:.0f} ms is lost in the middle, with a flush each {FLUSH_S * 1000:.0f} ms",
    )


def _tail(death: Death) -> float:
    """Hold a killed session against what was read before; gives the seconds it lacks at its end."""
    found = frames_of(death.session)
    # Only the segment that was growing is cut.
    assert found.torn <= 1
    for stream, ids in death.read.items():
        assert found.ids[stream][: len(ids)] == ids
    # A hole would be a loss in the middle: what is lost came after all that is there.
    assert all(is_run(ids) for ids in found.ids.values())
    return (death.at_ns - max(found.last_ns, death.begun_ns)) / 1e9


def _hash(lake: Lake, symbol: str, among: Coverage) -> str:
    """Hash the trades of a symbol that are among some ids, of all days."""
    assert among.first is not None
    days = lake.layout.partitions("raw_trades", symbol)
    rows = pl.concat([lake.scan("raw_trades", day) for day in days])
    return hash_of(rows.filter(pl.col("trade_id") >= among.first), TRADES)
