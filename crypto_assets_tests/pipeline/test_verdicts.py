"""Verdicts are kept, fall when their data changes, and hold back what is built on faults."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from crypto_assets.checks.day import Day
from crypto_assets.checks.evaluate import evaluate
from crypto_assets.errors import NothingStored
from crypto_assets.lake.lake import Lake
from crypto_assets.model.assets import ASSETS
from crypto_assets.model.partition import Partition
from crypto_assets.model.verdict import Condition, Severity, Verdict
from crypto_assets.pipeline import verdicts
from crypto_assets.pipeline.build import build, build_asset, make
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import status_of
from crypto_assets.pipeline.verdicts import Blocked, conclude_day, glance, hold_back, judge, read

Tree = dict[str, tuple[int, int, str]]
DAY_MS = 1_721_779_200_000


def archive(directory: Path, ids: Iterable[int], days: int = 0, price: str = "1.5") -> Path:
    midnight = DAY_MS + days * 86_400_000
    text = "".join(
        f"{id_},{price},2.0,{2 * float(price)},{midnight + id_ * 1_000},True,True\n" for id_ in ids
    )
    path = directory / f"NEXOUSDT-trades-2024-07-{24 + days}.csv"
    path.write_text(text)
    return path


def capture(directory: Path, ids: Iterable[int], price: str = "1.5") -> Path:
    text = "".join(
        f'{(DAY_MS + id_ * 1_000) * 1_000} {{"stream":"nexousdt@trade","data":{{"e":"trade","E":'
        f'{DAY_MS + id_ * 1_000},"s":"NEXOUSDT","t":{id_},"p":"{price}","q":"2.0","T":'
        f'{DAY_MS + id_ * 1_000},"m":true,"M":true}}}}\n'
        for id_ in ids
    )
    path = directory / "nexo.jsonl"
    path.write_text(text)
    return path


def judged(lake: Lake, day: Partition) -> set[str]:
    found = read(lake, day)
    return set(found.judged) if found else set()


def verdict(asset: str, *, passed: bool) -> Verdict:
    return Verdict(
        asset, "trade_ids_are_contiguous", "T2", Severity.ERROR, passed, "said", {"n": 1}
    )


def test_what_was_kept_is_read_as_it_was(lake: Lake, day: Partition) -> None:
    assert read(lake, day) is None
    found = [verdict("raw_trades", passed=True), verdict("bars_1s", passed=False)]
    for one in found:
        verdicts.record(lake, one.asset, day, [one])
    kept = read(lake, day)
    assert kept is not None
    assert list(kept.verdicts) == found
    assert kept.condition is Condition.MISSING


def test_one_assets_verdicts_replace_only_its_own(lake: Lake, day: Partition) -> None:
    for asset in ("raw_trades", "klines"):
        verdicts.record(lake, asset, day, [verdict(asset, passed=False)])
    verdicts.record(lake, "klines", day, [verdict("klines", passed=True)])
    kept = read(lake, day)
    assert kept is not None
    assert {one.asset: one.passed for one in kept.verdicts} == {"raw_trades": False, "klines": True}


def test_verdicts_downstream_fall_when_the_data_changes(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    take(lake, archive(tmp_path, range(100, 120)))
    build(lake, [day])
    assert judged(lake, day) == {"raw_trades", "bars_1s", "daily_trades", "daily_bars", "verdicts"}
    judge(lake, "raw_trades", day)
    assert "daily_bars" in judged(lake, day), "the same data were judged again"
    take(lake, archive(tmp_path, range(100, 121)))
    judge(lake, "raw_trades", day)
    assert judged(lake, day) == {"raw_trades"}
    build(lake, [day])
    assert "daily_bars" in judged(lake, day)


def test_what_was_not_judged_is_judged_before_anything_is_built_on_it(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    take(lake, archive(tmp_path, range(100, 120)))
    hold_back(lake, "bars_1s", day)
    assert judged(lake, day) == {"raw_trades"}
    take(lake, archive(tmp_path, range(100, 121)))
    before = read(lake, day)
    hold_back(lake, "bars_1s", day)
    after = read(lake, day)
    assert before is not None
    assert after is not None
    assert before.judged["raw_trades"] != after.judged["raw_trades"]


def test_what_was_judged_as_it_lies_is_not_judged_again(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
    tree: Callable[[Path], Tree],
) -> None:
    take(lake, archive(tmp_path, range(100, 120)))
    hold_back(lake, "bars_1s", day)
    before = tree(lake.layout.root)
    hold_back(lake, "bars_1s", day)
    assert tree(lake.layout.root) == before


def test_a_day_with_a_hole_has_bars_and_is_not_sealed(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    take(lake, archive(tmp_path, [*range(100, 120), *range(125, 130)]))
    build(lake, [day])
    assert lake.layout.files("bars_1s", day)
    assert not lake.layout.files("daily_trades", day)
    assert not lake.layout.files("daily_bars", day)
    with pytest.raises(Blocked, match=r"daily_trades of binance:NEXOUSDT 2024-07-24 is blocked by"):
        make(lake, "daily_trades", day, {})
    found = status_of(lake, day)
    assert (found.condition, found.missing) == ("degraded", [(120, 124)])
    assert [fault.check for fault in found.faults if fault.severity == "ERROR"] == [
        "trade_ids_are_contiguous",
    ]
    # A bar between the trades around the hole may lack some, and says so.
    bars = lake.scan("bars_1s", day).collect()
    assert not bars["is_complete"][119:126].any()


def test_sources_that_disagree_keep_a_day_from_being_sealed(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    take(lake, archive(tmp_path, range(100, 120)))
    take(lake, capture(tmp_path, range(110, 112), price="1.6"))
    build(lake, [day])
    found = status_of(lake, day)
    assert found.condition == "degraded"
    assert "sources_agree" in {fault.check for fault in found.faults}
    assert not found.is_sealed
    assert lake.scan("raw_trades", day).collect()["price"].n_unique() == 1


def test_an_asset_that_cannot_be_made_says_why_and_the_others_go_on(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    take(lake, archive(tmp_path, range(100, 120)))
    build(lake, [day.previous, day])
    empty = read(lake, day.previous)
    assert empty is not None
    assert empty.condition is Condition.MISSING
    reasons = {one.asset: one for one in empty.verdicts if one.check == "is_made"}
    assert reasons["raw_trades"].evidence == {"error": NothingStored.__name__}
    assert "import a capture or an archive file" in reasons["raw_trades"].message
    assert status_of(lake, day).is_sealed


def test_a_reason_goes_when_the_asset_is_made(lake: Lake, day: Partition, tmp_path: Path) -> None:
    build(lake, [day])
    take(lake, archive(tmp_path, range(100, 120)))
    build(lake, [day])
    found = read(lake, day)
    assert found is not None
    assert [one for one in found.verdicts if one.check == "is_made"] == []
    assert found.condition is Condition.PROVISIONAL


def test_a_damaged_part_is_a_verdict_and_not_a_crash(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    take(lake, archive(tmp_path, range(100, 120)))
    take(lake, capture(tmp_path, range(110, 130)))
    part = lake.layout.files("raw_trades", day)[0]
    data = bytearray(part.read_bytes())
    data[4:60] = bytes(56)
    part.write_bytes(data)
    build(lake, [day])
    found = read(lake, day)
    assert found is not None
    assert found.condition is Condition.DEGRADED
    assert not lake.layout.files("daily_trades", day)
    assert build_asset(lake, "bars_1s", day) == []


@pytest.mark.parametrize("damage", [slice(4, 60), slice(-40, None)], ids=["rows", "footer"])
def test_verdicts_that_cannot_be_read_are_judged_again(
    lake: Lake,
    day: Partition,
    damage: slice,
) -> None:
    verdicts.record(lake, "klines", day, [verdict("klines", passed=True)])
    (path,) = lake.layout.files("verdicts", day)
    data = bytearray(path.read_bytes())
    data[damage] = bytes(len(data[damage]))
    path.write_bytes(data)
    assert read(lake, day) is None
    verdicts.record(lake, "klines", day, [verdict("klines", passed=True)])
    found = read(lake, day)
    assert found is not None
    assert len(found.verdicts) == 1


def test_a_glance_writes_nothing_and_sees_what_a_build_would(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
    tree: Callable[[Path], Tree],
) -> None:
    take(lake, archive(tmp_path, [*range(100, 120), *range(125, 130)]))
    before = tree(lake.layout.root)
    assert glance(lake, day).condition is Condition.DEGRADED
    assert glance(lake, day.next).condition is Condition.MISSING
    assert tree(lake.layout.root) == before
    build(lake, [day])
    assert glance(lake, day).condition is Condition.DEGRADED


def test_a_glance_at_a_day_that_got_other_trades_since_is_not_at_its_old_verdicts(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    take(lake, archive(tmp_path, range(100, 120)))
    build(lake, [day])
    assert glance(lake, day).condition is Condition.PROVISIONAL
    take(lake, archive(tmp_path, [*range(100, 120), *range(125, 130)]))
    assert glance(lake, day).condition is Condition.DEGRADED
    assert status_of(lake, day).missing == [(120, 124)]


def test_concluding_a_day_concludes_its_neighbours_anew(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    for days, ids in ((-1, range(50, 100)), (0, range(100, 120))):
        take(lake, archive(tmp_path, ids, days))
    build(lake, [day.previous, day])
    assert status_of(lake, day).condition == "provisional"
    take(lake, archive(tmp_path, range(120, 150), 1))
    conclude_day(lake, day.next)
    found = read(lake, day)
    assert found is not None
    assert found.condition is Condition.CONFIRMED
    assert read(lake, day.next.next) is None


def test_what_comes_while_a_day_is_judged_has_it_judged_anew(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    take(lake, archive(tmp_path, range(100, 120)))
    build(lake, [day])

    def evaluate_slowly(asset: str, of: Day) -> tuple[Verdict, ...]:
        found = evaluate(asset, of)
        take(lake, archive(tmp_path, range(120, 150), 1))
        return found

    with monkeypatch.context() as patched:
        patched.setattr(verdicts, "evaluate", evaluate_slowly)
        judge(lake, "verdicts", day)
    build(lake, [day.next])
    kept = read(lake, day)
    assert kept is not None
    (edges,) = [one for one in kept.verdicts if one.check == "day_edges_join"]
    assert edges.evidence["right"] == "joined"


def test_verdicts_lie_in_the_order_of_the_assets(
    lake: Lake,
    day: Partition,
    tmp_path: Path,
) -> None:
    take(lake, archive(tmp_path, range(100, 120)))
    build(lake, [day])
    found = read(lake, day)
    assert found is not None
    order = list(ASSETS)
    keys = [(order.index(one.asset), one.check) for one in found.verdicts]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
