"""Claims about a live recording hold of what was recorded, and not of anything else."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto_assets.demo import live_proof
from crypto_assets.exchange import FLAT_OUT, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.sources.archive import Archive
from crypto_assets.venues import venue
from crypto_assets.venues.venue import ArchiveName

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
MARKET = random_market(["BTCUSDT"], DAY.start_us, 20, 20, seed=9)
IDS = [int(trade_id) for trade_id in MARKET.tapes["BTCUSDT"].ids]
ISSUED = {DAY: Coverage.of([(IDS[0], IDS[-1])])}
LEFT_OUT = (IDS[50], IDS[59])
DEAF = (IDS[200], IDS[219])
STREAM = "btcusdt@trade"


@dataclass(frozen=True)
class Recorded:
    lake: Lake
    directory: Path


def lines(*lost: tuple[int, int], repeated: int = 0) -> list[str]:
    """Write the market as a collector records it, with a hang-up over the last ids lost."""
    made: list[tuple[int, object]] = [
        (DAY.start_us, {"collector": "opened", "connection": 1, "streams": [STREAM]}),
    ]
    for number, row in enumerate(MARKET.tapes["BTCUSDT"].trades.iter_rows(named=True)):
        trade_id, at = row["trade_id"], row["time_us"]
        if DEAF in lost and trade_id == DEAF[0]:
            made.append((at, {"collector": "lost", "connection": 1, "why": "hung up"}))
        if DEAF in lost and trade_id == DEAF[1]:
            note = {"collector": "opened", "connection": 2, "streams": [STREAM]}
            made.append((at, note))
        if any(low <= trade_id <= high for low, high in lost):
            continue
        data = {
            "e": "trade",
            "E": at,
            "s": "BTCUSDT",
            "t": trade_id,
            "p": str(row["price"]),
            "q": str(row["quantity"]),
            "T": at,
            "m": row["is_buyer_maker"],
            "M": True,
        }
        frame = (at, {"stream": STREAM, "data": data})
        made += [frame, frame] if number < repeated else [frame]
    return [f"{at} {json.dumps(what, separators=(',', ':'))}\n" for at, what in made]


@pytest.fixture
def holed(tmp_path: Path) -> Recorded:
    path = tmp_path / "one.jsonl"
    path.write_text("".join(lines(LEFT_OUT, DEAF, repeated=3)))
    lake = Lake(tmp_path / "lake")
    take(lake, path)
    gaps.refresh(lake, DAY, 1)
    return Recorded(lake, tmp_path)


def held(found: Recorded, **changed: object) -> list[bool]:
    told: dict[str, object] = {
        "issued": ISSUED,
        "dropped": {DAY: Coverage.of([LEFT_OUT])},
        "repeated": 3,
        "ends": [0, 0],
    }
    claims = live_proof.recorded(found.lake, **{**told, **changed})  # type: ignore[arg-type]
    return [claim.holds for claim in claims]


def test_what_was_missed_is_claimed_to_the_id_with_its_cause(holed: Recorded) -> None:
    assert held(holed) == [True] * 4


def test_a_collector_that_did_not_end_well_is_not_claimed_to_have(holed: Recorded) -> None:
    assert held(holed, ends=[0, 6]) == [False, True, True, True]
    assert held(holed, ends=[]) == [False, True, True, True]


def test_other_ids_than_the_exchange_issued_are_not_claimed(holed: Recorded) -> None:
    more = {DAY: Coverage.of([(IDS[0], IDS[-1] + 1)])}
    assert held(holed, issued=more) == [True, False, True, True]


def test_other_ids_than_were_left_out_are_not_claimed(holed: Recorded) -> None:
    others = {DAY: Coverage.of([(LEFT_OUT[0], LEFT_OUT[1] + 1)])}
    assert held(holed, dropped=others) == [True, True, False, True]


def test_another_count_of_repeats_is_not_claimed(holed: Recorded) -> None:
    assert held(holed, repeated=2) == [True, True, True, False]


def _whole(found: Recorded, tmp_path: Path, *, klines: bool) -> Lake:
    path = tmp_path / "two.jsonl"
    path.write_text("".join(lines()))
    take(found.lake, path)
    if klines:
        with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
            exchange.jump(DAY.end_us + 86_400_000_000)
            name = ArchiveName("BTCUSDT", "klines", "1s", str(DAY.date))
            wanted = venue("binance").archive_file(name)
            assert wanted is not None
            file = Archive(exchange.http_url).fetch(wanted, tmp_path)
        assert file is not None
        take(found.lake, file)
    build(found.lake, [DAY])
    return found.lake


def test_a_day_is_claimed_whole_when_the_exchanges_bars_agree(
    holed: Recorded,
    tmp_path: Path,
) -> None:
    lake = _whole(holed, tmp_path, klines=True)
    claims = live_proof.healed(lake, ISSUED, 0)
    assert [claim.holds for claim in claims] == [True, True]
    # Nothing was fetched by id here: a claim of it is none.
    assert not live_proof.healed(lake, ISSUED, 30)[0].holds
    other = {DAY: Coverage.of([(IDS[0], IDS[-1] + 1)])}
    assert not live_proof.healed(lake, other, 0)[0].holds
    assert live_proof.replayed(lake, lake, DAY).holds
    copy = tmp_path / "copy"
    shutil.copytree(lake.layout.root, copy)
    sealed = Lake(copy).layout.file("daily_trades", DAY)
    sealed.unlink()
    assert not live_proof.replayed(lake, Lake(copy), DAY).holds


def test_a_day_with_holes_or_without_bars_to_hold_it_against_is_not(
    holed: Recorded,
    tmp_path: Path,
) -> None:
    build(holed.lake, [DAY])
    assert [claim.holds for claim in live_proof.healed(holed.lake, ISSUED, 0)] == [False, False]
