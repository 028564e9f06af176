"""When a recording listened to which stream."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crypto_assets.lake.inputs import Interruption, Record
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.landing import Landing
from crypto_assets.pipeline.listening import Listening
from crypto_assets.venues import venue

BTC, ETH = "btcusdt@trade", "ethusdt@trade"


def follow(*notes: tuple[int, dict[str, Any]]) -> Listening:
    found = Listening()
    for at, note in notes:
        found.note(at, json.dumps(note).encode())
    return found


def opened(connection: int, *streams: str) -> dict[str, Any]:
    return {"collector": "opened", "connection": connection, "streams": streams}


def lost(connection: int) -> dict[str, Any]:
    return {"collector": "lost", "connection": connection, "why": "no close frame"}


def segment(*connections: int) -> dict[str, Any]:
    shard = {"shard": 1, "connections": connections, "streams": [BTC]}
    return {"collector": "segment", "shards": [shard]}


def test_a_stream_is_heard_from_opened_to_lost() -> None:
    found = follow((100, opened(1, BTC, ETH)), (200, lost(1)), (250, opened(2, BTC)))
    found.end(300)
    assert found.heard == {BTC: ((100, 200), (250, 300)), ETH: ((100, 200),)}
    (told,) = found.interruptions
    assert told == Interruption(from_us=200, why="lost: no close frame", streams=(BTC, ETH))


def test_two_connections_that_overlap_are_heard_without_a_break() -> None:
    found = follow(
        (100, opened(1, BTC)),
        (180, opened(2, BTC)),
        (200, {"collector": "closed", "connection": 1, "why": "age"}),
        (300, {"collector": "end"}),
    )
    assert found.heard == {BTC: ((100, 300),)}
    assert found.interruptions == []


def test_a_segment_begins_with_what_was_open_before_it() -> None:
    found = follow((50, segment(1)), (90, lost(1)), (95, opened(2, BTC)), (120, segment(2)))
    found.end(130)
    assert found.heard == {BTC: ((50, 90), (95, 130))}


def test_the_seconds_a_connection_was_silent_were_not_heard() -> None:
    second = 1_000_000
    found = follow(
        (0, opened(1, BTC)),
        (40 * second, {"collector": "silent", "connection": 1, "seconds": 30.0}),
        (41 * second, opened(2, BTC)),
        (50 * second, {"collector": "closed", "connection": 1}),
    )
    found.end(60 * second)
    assert found.heard == {BTC: ((0, 10 * second), (40 * second, 60 * second))}
    assert [told.why for told in found.interruptions] == ["silent for 30 s"]


def test_a_recording_without_such_lines_tells_nothing() -> None:
    found = follow((0, {"stream": BTC, "data": {}}))
    found.end(10)
    assert not found.is_told
    assert found.heard == {}


@given(st.lists(st.tuples(st.sampled_from(["opened", "lost", "end"]), st.integers(1, 3))))
def test_what_is_heard_never_reaches_beyond_the_recording(steps: list[tuple[str, int]]) -> None:
    found = Listening()
    for at, (kind, number) in enumerate(steps):
        note = {"collector": kind, "connection": number, "streams": [BTC]}
        found.note(at, json.dumps(note).encode())
    found.end(len(steps))
    whole = Coverage.of([(0, len(steps))])
    assert not len(Coverage.of(found.heard.get(BTC, ())) - whole)


def test_a_lost_connection_is_no_recording_and_a_quiet_stream_is_one(tmp_path: Path) -> None:
    record = Record(
        id="one",
        name="one.jsonl",
        venue="binance",
        kind="capture",
        source="stream",
        sha256="ab",
        bytes=1,
        checksum="absent",
    )
    day = Partition.of("binance", "BTCUSDT", "2025-03-04")
    at = day.start_us + 3_600_000_000
    trade = {
        "stream": BTC,
        "data": {
            "e": "trade",
            "E": at + 10,
            "s": "BTCUSDT",
            "t": 7,
            "p": "1.50000000",
            "q": "2.00000000",
            "T": at + 10,
            "m": True,
            "M": True,
        },
    }
    lines = [
        (at, segment(1)),
        (at + 5, opened(2, ETH, "btcusdt@bookTicker")),
        (at + 10, trade),
        (at + 20, lost(1)),
        (at + 40, opened(3, BTC)),
        (at + 50, {"collector": "end"}),
    ]
    text = b"".join(b"%d %s\n" % (us, json.dumps(line).encode()) for us, line in lines)
    landing = Landing(record, tmp_path)
    landing.add_frames(venue("binance").decode_frames(text, 1, last=True))
    found = {(asset, str(partition)): draft for asset, partition, draft in landing.drafts()}
    assert found["raw_trades", str(day)].recorded == ((at, at + 20), (at + 40, at + 50))
    quiet = found["raw_trades", "binance:ETHUSDT 2025-03-04"]
    assert (list(quiet.rows), quiet.recorded) == ([], ((at + 5, at + 50),))  # type: ignore[arg-type]
    assert found["raw_quotes", str(day)].recorded == ((at + 5, at + 50),)
