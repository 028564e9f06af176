"""The gap ledger tells what is missing, since when, why, and what became of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.gap import Cause, GapState
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps, verdicts
from crypto_assets.pipeline.fold import fold
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.query import query
from crypto_assets.pipeline.status import status_of

DAY = Partition.of("binance", "BTCUSDT", "2025-03-04")
SECOND = 1_000_000
STREAM = "btcusdt@trade"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def trade(at_us: int, trade_id: int) -> tuple[int, object]:
    data = {
        "e": "trade",
        "E": at_us,
        "s": "BTCUSDT",
        "t": trade_id,
        "p": "1.50000000",
        "q": "2.00000000",
        "T": at_us,
        "m": True,
        "M": True,
    }
    return at_us, {"stream": STREAM, "data": data}


def note(at_us: int, kind: str, connection: int = 1, **more: object) -> tuple[int, object]:
    return at_us, {"collector": kind, "connection": connection, **more}


def record(lake: Lake, tmp_path: Path, name: str, *lines: tuple[int, object]) -> None:
    path = tmp_path / f"{name}.jsonl"
    path.write_text("".join(f"{at} {json.dumps(what)}\n" for at, what in lines))
    take(lake, path)


def start(day: Partition = DAY) -> int:
    return day.start_us + 3_600 * SECOND


def test_a_hole_while_the_connection_was_open_was_not_delivered(
    lake: Lake,
    tmp_path: Path,
) -> None:
    at = start()
    record(
        lake,
        tmp_path,
        "one",
        note(at, "opened", streams=[STREAM]),
        trade(at + SECOND, 10),
        trade(at + 2 * SECOND, 14),
        note(at + 3 * SECOND, "closed"),
    )
    (gap,) = gaps.refresh(lake, DAY, 77)
    assert (gap.ids, gap.state, gap.cause) == ((11, 13), GapState.OPEN, Cause.NOT_DELIVERED)
    assert (gap.before_us, gap.after_us, gap.found_us) == (at + SECOND, at + 2 * SECOND, 77)
    assert gaps.read(lake, DAY) == [gap]


def test_a_hole_across_a_lost_connection_tells_when_nobody_listened(
    lake: Lake,
    tmp_path: Path,
) -> None:
    at = start()
    record(
        lake,
        tmp_path,
        "one",
        note(at, "opened", streams=[STREAM]),
        trade(at + SECOND, 10),
        note(at + 2 * SECOND, "lost", why="no close frame"),
        note(at + 5 * SECOND, "opened", connection=2, streams=[STREAM]),
        trade(at + 6 * SECOND, 14),
    )
    (gap,) = gaps.refresh(lake, DAY, 77)
    assert gap.cause is Cause.NOT_LISTENING
    deaf = [[at + 2 * SECOND + 1, at + 5 * SECOND - 1]]
    assert gap.evidence["nobody_listened_us"] == deaf
    assert gap.evidence["interruptions"] == ["lost: no close frame"]


def test_a_hole_beside_lines_that_cannot_be_read_may_be_those(lake: Lake, tmp_path: Path) -> None:
    at = start()
    path = tmp_path / "one.jsonl"
    lines = [note(at, "opened", streams=[STREAM]), trade(at + SECOND, 10), trade(at + SECOND, 12)]
    text = [f"{when} {json.dumps(what)}\n" for when, what in lines]
    path.write_text("".join([*text[:2], f'{at + SECOND} {{"stream":"btc\n', text[2]]))
    take(lake, path)
    (gap,) = gaps.refresh(lake, DAY, 77)
    assert gap.cause is Cause.UNREADABLE
    assert gap.evidence["unreadable_lines"] == 1


def test_ids_that_only_the_aggregates_know_of_are_missing(lake: Lake, tmp_path: Path) -> None:
    """The ids held are contiguous: alone they would look whole."""
    at = start()
    record(lake, tmp_path, "one", *(trade(at + number * SECOND, number) for number in range(5, 8)))
    rows = (f"{n},1.5,2.0,{n},{n},{at + n * SECOND},True,True\n" for n in range(3, 10))
    path = tmp_path / f"BTCUSDT-aggTrades-{DAY.date}.csv"
    path.write_text("".join(rows))
    take(lake, path)
    assert gaps.refresh(lake, DAY, 1) == []
    verdicts.judge(lake, "raw_trades", DAY)
    assert [gap.ids for gap in gaps.refresh(lake, DAY, 2)] == [(3, 4), (8, 9)]
    assert status_of(lake, DAY).missing == [(3, 4), (8, 9)]
    record(lake, tmp_path, "two", *(trade(at + number * SECOND, number) for number in (3, 4, 8, 9)))
    assert {gap.state for gap in gaps.refresh(lake, DAY, 3)} == {GapState.HEALED}
    assert status_of(lake, DAY).missing == []


def test_ids_between_the_last_one_known_and_the_first_new_one_are_missing(
    lake: Lake,
    tmp_path: Path,
) -> None:
    friday, monday = DAY, DAY.next.next.next
    record(lake, tmp_path, "friday", trade(start(friday), 10))
    record(lake, tmp_path, "monday", trade(start(monday), 20))
    assert gaps.refresh(lake, friday, 1) == []
    (gap,) = gaps.refresh(lake, monday, 2)
    assert (gap.ids, gap.cause) == ((11, 19), Cause.NOT_LISTENING)
    assert (gap.before_us, gap.after_us) == (start(friday), start(monday))
    record(lake, tmp_path, "between", *(trade(start(DAY.next) + k, k) for k in range(11, 16)))
    gaps.refresh_days(lake, [DAY.next], 3)
    states = [(gap.ids, gap.state, gap.source) for gap in gaps.read(lake, monday)]
    assert states == [((11, 15), GapState.HEALED, "stream"), ((16, 19), GapState.OPEN, None)]


def test_what_lies_weeks_back_is_not_a_gap_but_missing_days(lake: Lake, tmp_path: Path) -> None:
    later = Partition.of("binance", "BTCUSDT", "2025-04-04")
    record(lake, tmp_path, "then", trade(start(DAY), 10))
    record(lake, tmp_path, "now", trade(start(later), 1_000_000))
    assert gaps.refresh(lake, later, 1) == []


def test_a_ledger_that_does_not_change_is_not_written_again(lake: Lake, tmp_path: Path) -> None:
    record(lake, tmp_path, "one", trade(start(), 10), trade(start(), 12))
    gaps.refresh(lake, DAY, 1)
    path = lake.layout.file("gaps", DAY)
    before = path.stat().st_mtime_ns
    gaps.refresh(lake, DAY, 99)
    assert path.stat().st_mtime_ns == before
    assert gaps.read(lake, DAY)[0].found_us == 1


def test_a_damaged_ledger_is_begun_anew(lake: Lake, tmp_path: Path) -> None:
    record(lake, tmp_path, "one", trade(start(), 10), trade(start(), 12))
    gaps.refresh(lake, DAY, 1)
    path = lake.layout.file("gaps", DAY)
    path.write_bytes(path.read_bytes()[:200])
    (gap,) = gaps.refresh(lake, DAY, 2)
    assert (gap.ids, gap.found_us) == ((11, 11), 2)


def test_only_ids_that_may_be_had_are_due(lake: Lake, tmp_path: Path) -> None:
    record(lake, tmp_path, "one", trade(start(), 10), trade(start(), 14), trade(start(), 20))
    gaps.refresh(lake, DAY, 1)
    assert gaps.open_days(lake, 2) == {DAY: 8}
    gaps.note_tries(lake, DAY, Coverage.of([(11, 13)]), Coverage.of([(11, 12)]), {"a": 1}, 5)
    assert gaps.open_days(lake, 6) == {DAY: 5}
    assert gaps.open_days(lake, 5 + 60 * SECOND) == {DAY: 6}


def test_the_ledger_is_a_view(lake: Lake, tmp_path: Path) -> None:
    record(lake, tmp_path, "one", trade(start(), 10), trade(start(), 14))
    gaps.refresh(lake, DAY, 1)
    found = query(lake, "SELECT symbol, first_trade_id, count, state, cause FROM gaps")
    assert found.rows() == [("BTCUSDT", 11, 3, "open", "not_delivered")]


def test_folding_leaves_each_segment_its_own_faults(lake: Lake, tmp_path: Path) -> None:
    """What could not be read minutes ago explains nothing now; what was noted is still found."""
    for number in range(16):
        at = start() + number * 60 * SECOND
        shard = {"shard": 1, "connections": [1], "streams": [STREAM]}
        lines = [
            (at, {"collector": "segment", "shards": [shard]}),
            trade(at + SECOND, 10 + 10 * number),
        ]
        if number == 14:
            lines.append(note(at + 30 * SECOND, "lost", why="no close frame"))
        lines.append((at + 60 * SECOND, {"collector": "end"}))
        text = [f"{when} {json.dumps(what)}\n" for when, what in lines]
        if number == 0:
            text.insert(1, f"{at} not JSON\n")
        path = tmp_path / f"{number:02}.jsonl"
        path.write_text("".join(text))
        take(lake, path)
    fold(lake, "raw_trades", DAY, 0)
    assert len(lake.parts("raw_trades", DAY)) == 1
    found = gaps.refresh(lake, DAY, 1)
    assert [gap.cause for gap in found] == [
        Cause.UNREADABLE,
        *[Cause.NOT_DELIVERED] * 13,
        Cause.NOT_LISTENING,
    ]
    assert found[0].evidence["unreadable_lines"] == 1
    assert found[-1].evidence["interruptions"] == ["lost: no close frame"]
