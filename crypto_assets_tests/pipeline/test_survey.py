"""The survey of all days says of each what its status says, however it came to know."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.partition import Partition
from crypto_assets.model.report import DayCell, Survey
from crypto_assets.pipeline.gaps import refresh_days
from crypto_assets.pipeline.html_pages import write_completeness, write_report
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import known_partitions, status_of
from crypto_assets.pipeline.survey import survey
from crypto_assets_tests.reported import DEGRADED, GOOD, LAST, archive
from crypto_assets_tests.sinks.page.reading import read
from crypto_assets_tests.sinks.page.test_heatmap import days_of


@pytest.fixture
def lake(kinds: Lake, tmp_path: Path) -> Lake:
    """A copy that may be changed."""
    shutil.copytree(kinds.layout.root, tmp_path / "lake")
    return Lake(tmp_path / "lake")


def cells(found: Survey) -> dict[Partition, DayCell]:
    return {Partition(one.instrument, day.date): day for one in found.symbols for day in one.days}


def holds(lake: Lake, found: Survey) -> bool:
    """Whether a survey says what the status of every day says, each asked for by itself."""
    told = cells(found)
    assert set(known_partitions(lake)) <= set(told)
    for day, cell in told.items():
        status = status_of(Lake(lake.layout.root), day)
        missing = len(Coverage.of(status.missing))
        sources = tuple(sorted(status.sources))
        assert (cell.condition, cell.rows, cell.missing, cell.sources) == (
            status.condition,
            status.rows,
            missing,
            sources,
        ), day
    return True


def test_every_day_is_said_to_be_what_its_status_says(lake: Lake) -> None:
    assert holds(lake, survey(lake))


def test_what_was_found_is_kept_and_found_again(lake: Lake) -> None:
    first = survey(lake)
    assert (lake.layout.reports / ".completeness.cache").exists()
    again = survey(Lake(lake.layout.root))
    assert again == first


def test_a_day_that_changed_is_told_anew(lake: Lake, tmp_path: Path) -> None:
    before = cells(survey(lake))[DEGRADED]
    take(lake, archive(tmp_path, DEGRADED))
    refresh_days(lake, [DEGRADED], LAST.end_us)
    after = survey(Lake(lake.layout.root))
    assert holds(lake, after)
    assert cells(after)[DEGRADED] != before


def test_what_is_imported_and_not_judged_is_told_as_its_status_is(
    lake: Lake, tmp_path: Path
) -> None:
    survey(lake)
    shutil.rmtree(lake.layout.directory("verdicts", GOOD))
    assert holds(lake, survey(Lake(lake.layout.root)))


def test_a_day_between_others_of_which_nothing_is_stored_is_not_left_out(lake: Lake) -> None:
    for asset in ("raw_trades", "bars_1s", "daily_trades", "daily_bars", "verdicts"):
        shutil.rmtree(lake.layout.directory(asset, GOOD))
    found = survey(lake)
    assert cells(found)[GOOD].condition == status_of(lake, GOOD).condition == "missing"


def test_damaged_files_are_told_and_hide_no_other_day(lake: Lake) -> None:
    for asset in ("verdicts", "raw_trades"):
        (path,) = lake.layout.files(asset, DEGRADED)
        path.unlink()
        path.write_bytes(b"PAR1 torn")
    found = survey(Lake(lake.layout.root))
    assert cells(found)[DEGRADED].condition == "degraded"
    assert cells(found)[GOOD].condition == "confirmed"


def test_a_cache_that_cannot_be_read_is_none(lake: Lake) -> None:
    first = survey(lake)
    cache = lake.layout.reports / ".completeness.cache"
    for data in (b"", b"torn", b"\x92\x00\x80"):
        cache.write_bytes(data)
        assert survey(Lake(lake.layout.root)) == first


def test_a_directory_of_another_name_is_no_day(lake: Lake) -> None:
    first = survey(lake)
    symbol = lake.layout.directory("raw_trades", GOOD).parent
    for name in ("date=2024-3-1", "date=yesterday", "lost+found"):
        (symbol / name).mkdir()
    (symbol / "date=2024-03-30").write_text("a file")
    assert survey(Lake(lake.layout.root)) == first


def test_progress_is_told_of_every_day(lake: Lake) -> None:
    told: list[tuple[int, int]] = []
    found = survey(lake, lambda done, total: told.append((done, total)))
    assert [done for done, _ in told] == list(range(len(cells(found))))
    assert {total for _, total in told} == {len(cells(found))}


def test_the_page_has_every_partition_with_its_condition_and_links_to_reports(lake: Lake) -> None:
    write_report(lake, GOOD)
    written = write_completeness(lake, survey(lake))
    page = read(written.path.read_text())
    found = days_of(page)
    for day in known_partitions(lake):
        key = (day.instrument.venue, day.instrument.symbol, day.date.isoformat())
        assert found[key] == status_of(lake, day).condition
    (symbol,) = [one for one in page.data["survey"]["symbols"] if one["reported"]]
    first = dt.date.fromisoformat(symbol["first"])
    assert [first + dt.timedelta(days=at) for at in symbol["reported"]] == [GOOD.date]
    assert written.path == lake.layout.root / "reports/completeness.html"


def test_the_same_lake_gives_the_same_page_and_it_is_left_alone(lake: Lake) -> None:
    first = write_completeness(lake, survey(lake))
    again = write_completeness(lake, survey(Lake(lake.layout.root)))
    assert (first.changed, again.changed) == (True, False)


def test_an_empty_lake_has_no_symbol(tmp_path: Path) -> None:
    found = survey(Lake(tmp_path / "empty"))
    assert list(found.symbols) == []
