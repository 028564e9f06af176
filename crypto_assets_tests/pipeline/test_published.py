"""What is published of a day is taken once, judged by its content, and anew when it changes."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from crypto_assets.errors import StreamLost, UnreadableInput
from crypto_assets.exchange import FLAT_OUT, Market, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.published import Published
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps, revisions, verdicts
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.published import Archive, Found, due_days, take_published
from crypto_assets.pipeline.status import status_of
from crypto_assets.sources import archive as source
from crypto_assets.sources.budget import Budget
from crypto_assets.sources.history import TradeHistory
from crypto_assets.venues import venue
from crypto_assets.venues.venue import ArchiveName

SYMBOL = "币安人生USDT"
FIRST = Partition.of("binance", SYMBOL, "2025-03-01")
DAYS = [FIRST, FIRST.next, FIRST.next.next]
MARKET = random_market([SYMBOL], FIRST.start_us, 3 * 86_400, 0.02, seed=11)
NOW_US = DAYS[-1].end_us + 3_600_000_000


@pytest.fixture
def exchange() -> Iterator[Remote]:
    with run_in_thread(MARKET, pace=FLAT_OUT) as found:
        found.jump(NOW_US)
        found.inject(unpublished())
        yield found


def unpublished(*names: str) -> dict[str, object]:
    """Leave some files out of the archive, and the klines of a second: those of a minute do."""
    return {"archive_unpublished": [*names, *(file("1s", day) for day in DAYS)]}


def door(exchange: Remote, now_us: int = NOW_US, *, rest: bool = False) -> Archive:
    host = source.Archive(exchange.http_url)
    history = TradeHistory(exchange.http_url, Budget(limit=1_000_000))
    return Archive(
        hosts={"binance": host},
        rest={"binance": history} if rest else {},
        now_us=lambda: now_us,
    )


def ids(day: Partition, market: Market = MARKET) -> list[int]:
    trades = market.tapes[SYMBOL].trades
    of_day = pl.col("time_us").is_between(day.start_us, day.end_us, closed="left")
    return trades.filter(of_day)["trade_id"].to_list()


def asked(exchange: Remote) -> list[str]:
    return [one.path for one in exchange.requests if one.path.startswith("/data/")]


def file(kind: str, day: Partition) -> str:
    return f"{SYMBOL}-{kind}-{day.date}"


def test_days_are_taken_proven_and_not_asked_for_again(exchange: Remote, lake: Lake) -> None:
    exchange.inject({"archive_unpublished": []})
    build(lake, DAYS, door(exchange))
    assert [status_of(lake, day).condition for day in DAYS] == ["confirmed"] * 3
    assert all(status_of(lake, day).is_sealed for day in DAYS)
    before = len(exchange.requests)
    build(lake, DAYS, door(exchange))
    outcomes = take_published(lake, "raw_trades", DAYS, door(exchange))
    assert [one.found for one in outcomes] == [Found.HELD] * 3
    assert len(exchange.requests) == before, "nothing was asked for a second time"
    (manifest,) = [part.manifest for part in lake.parts("raw_trades", FIRST)]
    (entry,) = manifest.inputs
    assert (entry.source, entry.checksum) == ("archive", "verified")
    assert not list(lake.layout.downloads("binance").rglob("*.zip")), "nothing is left behind"


def test_a_day_that_is_not_published_yet_stays_provisional(exchange: Remote, lake: Lake) -> None:
    exchange.inject(unpublished(f"{SYMBOL}-{DAYS[-1].date}"))
    build(lake, DAYS, door(exchange))
    found = status_of(lake, DAYS[-1])
    assert (found.condition, found.rows) == ("provisional", 0)
    known = Published(lake.layout, FIRST.instrument).read(f"{file('trades', DAYS[-1])}.zip")
    assert known is not None
    assert (known.is_published, known.tries) == (False, 1)
    assert not known.is_due(NOW_US + 14 * 60 * 10**6)
    assert known.is_due(NOW_US + 15 * 60 * 10**6)
    # Days later it is late no more, it is missing.
    late = door(exchange, DAYS[-1].end_us + 4 * DAY_US)
    build(lake, [DAYS[-1]], late)
    assert status_of(lake, DAYS[-1]).condition == "missing"
    exchange.inject(unpublished())
    build(lake, [DAYS[-1]], late)
    assert status_of(lake, DAYS[-1]).condition == "confirmed"


def test_a_day_before_the_first_file_was_not_listed(exchange: Remote, lake: Lake) -> None:
    build(lake, [FIRST.previous, FIRST], door(exchange))
    assert status_of(lake, FIRST.previous).condition == "not_listed"
    assert status_of(lake, FIRST).condition == "confirmed", "nothing was traded before it"


def test_a_wrong_checksum_is_quarantined_and_proven_by_content(
    exchange: Remote,
    lake: Lake,
) -> None:
    exchange.inject({"wrong_checksums": [file("trades", FIRST)]})
    outcomes = take_published(lake, "raw_trades", [FIRST], door(exchange))
    assert [one.found for one in outcomes] == [Found.DIFFERS]
    build(lake, [FIRST])
    unproven = status_of(lake, FIRST)
    assert (unproven.condition, unproven.is_sealed) == ("degraded", False)
    build(lake, [FIRST], door(exchange))
    proven = status_of(lake, FIRST)
    assert proven.is_sealed
    assert proven.condition == "confirmed"
    stored = verdicts.read(lake, FIRST)
    assert stored is not None
    (said,) = [v for v in stored.verdicts if v.code == "T14b"]
    assert "its checksum is wrong and its content is proven" in said.message
    before = len(asked(exchange))
    take_published(lake, "raw_trades", [FIRST], door(exchange))
    assert len(asked(exchange)) == before, "it is not downloaded again and again"


def test_a_file_cut_short_under_a_valid_checksum_is_known_to_the_id(
    exchange: Remote,
    lake: Lake,
) -> None:
    exchange.inject({"archive_truncated": [file("trades", FIRST)]})
    build(lake, [FIRST], door(exchange))
    found, every = status_of(lake, FIRST), ids(FIRST)
    assert (found.condition, found.is_sealed) == ("degraded", False)
    last = found.last_trade_id
    assert last is not None
    assert found.missing == [(last + 1, every[-1])]


def test_a_file_published_anew_is_sealed_as_the_next_version(exchange: Remote, lake: Lake) -> None:
    every = ids(FIRST)
    altered = (every[10], every[12])
    exchange.inject(
        {
            "archive_altered": {file("trades", FIRST): [altered]},
            **unpublished(file("1m", FIRST), file("aggTrades", FIRST)),
        },
    )
    build(lake, [FIRST], door(exchange))
    first = status_of(lake, FIRST)
    assert (first.is_sealed, first.version) == (True, 1)
    assert due_days(lake, ["raw_trades"], [FIRST], door(exchange, NOW_US + DAY_US), 10) == []
    exchange.inject({"republished": [file("trades", FIRST)], **unpublished()})
    later = door(exchange, NOW_US + 2 * DAY_US)
    assert due_days(lake, ["raw_trades"], [FIRST], later, 10) == [FIRST]
    stale = {v.check for v in verdicts.judge(lake, "raw_trades", FIRST) if not v.passed}
    assert "published_files_are_as_taken" in stale, "the day is known to be stale"
    build(lake, [FIRST], later)
    second = status_of(lake, FIRST)
    assert (second.condition, second.version) == ("confirmed", 2)
    (row,) = revisions.read(lake, FIRST).iter_rows(named=True)
    assert (row["added"], row["removed"], row["changed"]) == (0, 0, 3)
    assert json.loads(row["evidence"])["changed"] == [list(altered)]
    assert due_days(lake, ["raw_trades"], [FIRST], door(exchange, NOW_US + 4 * DAY_US), 10) == []


def test_rows_added_and_removed_are_told_too(exchange: Remote, lake: Lake) -> None:
    every = ids(FIRST)
    exchange.inject(
        {
            "archive_missing": {file("trades", FIRST): [[every[5], every[9]]]},
            "archive_added": {file("trades", FIRST): [[every[-1] + 1, every[-1] + 2]]},
        },
    )
    take_published(lake, "raw_trades", [FIRST], door(exchange))
    exchange.inject({"republished": [file("trades", FIRST)]})
    outcomes = take_published(lake, "raw_trades", [FIRST], door(exchange), again=True)
    assert [one.found for one in outcomes] == [Found.TAKEN]
    (row,) = revisions.read(lake, FIRST).iter_rows(named=True)
    assert (row["added"], row["removed"], row["changed"]) == (5, 2, 0)
    assert lake.coverage(FIRST) == Coverage.of([(every[0], every[-1])])


def test_a_whole_month_of_a_small_symbol_is_one_file(lake: Lake, tmp_path: Path) -> None:
    start = Partition.of("binance", "BTCUSDT", "2025-02-01")
    market = random_market(["BTCUSDT"], start.start_us, 28 * 86_400, 0.002, seed=3)
    days = [Partition(start.instrument, dt.date(2025, 2, n)) for n in range(1, 29)]
    with run_in_thread(market, pace=FLAT_OUT) as exchange:
        exchange.jump(days[-1].end_us + DAY_US)
        archive = door(exchange, days[-1].end_us + DAY_US)
        outcomes = take_published(lake, "raw_trades", days, archive)
        assert {one.file for one in outcomes} == {"BTCUSDT-trades-2025-02.zip"}
        assert {one.found for one in outcomes} == {Found.TAKEN}
        before = len(exchange.requests)
        again = take_published(lake, "raw_trades", days[3:9], archive)
        assert {one.found for one in again} == {Found.HELD}
        assert len(exchange.requests) == before
        trades = market.tapes["BTCUSDT"].trades
        assert sum(len(lake.coverage(day)) for day in days) == trades.height
        (part,) = lake.parts("raw_trades", days[0])
        assert {entry.source for entry in part.manifest.inputs} == {"archive_monthly"}
        # A day's own file comes before its month's.
        name = ArchiveName("BTCUSDT", "trades", None, str(days[0].date))
        daily = venue("binance").archive_file(name)
        assert daily is not None
        path = source.Archive(exchange.http_url).fetch(daily, tmp_path)
        assert path is not None
        take(lake, path)
    sources = [part.manifest.inputs[0].source for part in lake.parts("raw_trades", days[0])]
    assert sources == ["archive", "archive_monthly"]
    summary = lake.summary("raw_trades", days[0])
    assert summary is not None
    assert summary.sources == {"archive": summary.rows, "archive_monthly": 0}


def test_a_host_that_cannot_be_reached_is_given_up_after_a_few_files(lake: Lake) -> None:
    class Deaf:
        def __init__(self) -> None:
            self.asked: list[str] = []

        def fetch(self, wanted: object, _into: Path, _progress: object) -> Path | None:
            self.asked.append(str(wanted))
            raise StreamLost("no route to it")

        def checksum(self, _file: object) -> str | None:
            raise StreamLost("no route to it")

        def size(self, _file: object) -> int | None:
            raise StreamLost("no route to it")

        def listing(self, _folder: str) -> list[source.Listed]:
            raise StreamLost("no route to it")

    host = Deaf()
    days = [Partition(FIRST.instrument, FIRST.date + dt.timedelta(days=n)) for n in range(20)]
    archive = Archive(hosts={"binance": host}, now_us=lambda: NOW_US + 30 * DAY_US, at_once=2)
    outcomes = take_published(lake, "raw_trades", days, archive)
    assert len(host.asked) < 6
    assert {one.found for one in outcomes} == {Found.FAILED}
    build(lake, days[:1], archive)
    found = status_of(lake, days[0])
    assert found.condition == "missing"
    assert any("no route to it" in fault.message for fault in found.faults)


def test_a_checksum_that_is_none_stops_nobody(lake: Lake) -> None:
    class Garbled:
        def fetch(self, _file: object, _into: Path, _progress: object) -> Path | None:
            return None

        def checksum(self, _file: object) -> str | None:
            raise UnreadableInput("expected a sha256, found <html>")

        def size(self, _file: object) -> int | None:
            return None

        def listing(self, _folder: str) -> list[source.Listed]:
            return []

    archive = Archive(hosts={"binance": Garbled()}, now_us=lambda: NOW_US)
    assert due_days(lake, ["raw_trades"], DAYS, archive, 10) == DAYS
    outcomes = take_published(lake, "raw_trades", DAYS, archive, again=True)
    assert {one.found for one in outcomes} == {Found.NOT_PUBLISHED}


@pytest.mark.parametrize("status", [418, 429])
def test_a_ban_in_the_middle_of_a_backfill_is_waited_out(
    exchange: Remote,
    lake: Lake,
    status: int,
) -> None:
    exchange.inject(
        {
            "refuse_archive": status,
            "refuse_archive_times": 1,
            "refuse_archive_after": 7,
            "retry_after_s": 2,
        },
    )
    build(lake, DAYS, door(exchange))
    counters = exchange.counters
    assert counters.statuses[status] == 1
    assert counters.too_early == 0, "not one request came before Retry-After"
    assert [status_of(lake, day).condition for day in DAYS] == ["confirmed"] * 3


def test_klines_and_aggregates_of_today_are_fetched_and_go_on(lake: Lake) -> None:
    day = DAYS[-1]
    with run_in_thread(MARKET, pace=FLAT_OUT) as exchange:
        noon = day.start_us + DAY_US // 2
        exchange.jump(noon)
        archive = door(exchange, noon, rest=True)
        for asset in ("klines", "agg_trades"):
            outcomes = take_published(lake, asset, [day], archive)
            assert {one.found for one in outcomes} == {Found.FETCHED}
        minutes = lake.scan("klines", day).filter(pl.col("interval") == "1m").collect()
        assert minutes.height == 720
        first = lake.scan("agg_trades", day).collect().height
        exchange.jump(noon + 3_600_000_000)
        for asset in ("klines", "agg_trades"):
            take_published(lake, asset, [day], door(exchange, noon + 3_600_000_000, rest=True))
        minutes = lake.scan("klines", day).filter(pl.col("interval") == "1m").collect()
        assert minutes.height == minutes["ts_open"].n_unique() == 780
        aggregates = lake.scan("agg_trades", day).collect()
        assert aggregates.height == aggregates["agg_id"].n_unique() > first
        # The published files take the place of what was fetched.
        exchange.jump(NOW_US)
        build(lake, [day], door(exchange, rest=True))
        minutes = lake.scan("klines", day).filter(pl.col("interval") == "1m").collect()
        assert minutes.height == 1_440
    assert status_of(lake, day).condition == "confirmed"


def _capture(directory: Path, rows: pl.DataFrame) -> Path:
    lines = [
        f'{row["time_us"]} {{"stream":"{SYMBOL.lower()}@trade","data":{{"e":"trade",'
        f'"E":{row["time_us"]},"s":"{SYMBOL}","t":{row["trade_id"]},"p":"{row["price"]}",'
        f'"q":"{row["quantity"]}","T":{row["time_us"]},'
        f'"m":{str(row["is_buyer_maker"]).lower()},"M":true}}}}\n'
        for row in rows.iter_rows(named=True)
    ]
    path = directory / "recorded.jsonl"
    path.write_text("".join(lines))
    return path


def test_three_doors_give_each_id_once_and_list_what_they_disagree_on(
    exchange: Remote,
    lake: Lake,
    tmp_path: Path,
) -> None:
    trades = MARKET.tapes[SYMBOL].trades
    every = ids(FIRST)
    rows = trades.filter(pl.col("trade_id").is_between(every[0], every[-1]))
    price = pl.col("price")
    in_stream, in_both, in_rest = every[300], every[700], every[900]

    def wrong(*planted: int) -> pl.Expr:
        return (
            pl.when(pl.col("trade_id").is_in(planted))
            .then(price * 2)
            .otherwise(price)
            .cast(
                rows.schema["price"],
            )
        )

    recorded = rows.slice(100, 700).with_columns(price=wrong(in_stream, in_both))
    fetched = rows.slice(650, 400).with_columns(price=wrong(in_rest, in_both))
    take(lake, _capture(tmp_path, recorded))
    lines = [
        f"{row['trade_id']},{row['price']},{row['quantity']},{row['price'] * row['quantity']:.8f},"
        f"{row['time_us']},{row['is_buyer_maker']},True\n"
        for row in fetched.iter_rows(named=True)
    ]
    path = tmp_path / f"{SYMBOL}-rest-{every[650]}-{every[1049]}.csv"
    path.write_text("".join(lines))
    take(lake, path)
    # REST comes before the stream where both have an id.
    held = lake.scan("raw_trades", FIRST).filter(pl.col("trade_id") == every[690]).collect()
    assert held.height == 1
    exchange.inject({"archive_missing": {file("trades", FIRST): [[every[1040], every[1045]]]}})
    build(lake, [FIRST], door(exchange))
    merged = lake.scan("raw_trades", FIRST).collect()
    assert merged["trade_id"].to_list() == every, "each id once, ascending"
    truth = rows.select("trade_id", "price")
    assert merged.select("trade_id", "price").equals(truth), "the published row is kept"
    stored = verdicts.read(lake, FIRST)
    assert stored is not None
    (agree,) = [v for v in stored.verdicts if v.check == "sources_agree"]
    assert not agree.passed
    assert agree.evidence["conflicts"] == [in_stream, in_both, in_rest]
    (published,) = [v for v in stored.verdicts if v.check == "recorded_trades_are_published"]
    assert published.evidence["only_recorded"] == [[every[1040], every[1045]]]
    found = status_of(lake, FIRST)
    assert (found.condition, found.is_sealed) == ("degraded", False), "a conflict is not sealed"
    assert found.sources == {"archive": len(every) - 6, "rest": 6, "stream": 0}


def test_a_recorded_day_is_confirmed_by_the_published_file(
    exchange: Remote,
    lake: Lake,
    tmp_path: Path,
) -> None:
    trades = MARKET.tapes[SYMBOL].trades
    take(lake, _capture(tmp_path, trades))
    build(lake, DAYS)
    middle = status_of(lake, DAYS[1])
    assert (middle.condition, middle.is_sealed) == ("complete", True)
    gaps.refresh_days(lake, DAYS, NOW_US)
    take_published(lake, "raw_trades", [DAYS[1]], door(exchange))
    build(lake, [DAYS[1]])
    confirmed = status_of(lake, DAYS[1])
    assert (confirmed.condition, confirmed.version) == ("confirmed", 1)
    assert confirmed.logical_hash == middle.logical_hash
    exchange.inject({"archive_missing": {file("trades", DAYS[0]): [[ids(DAYS[0])[7]] * 2]}})
    take_published(lake, "raw_trades", [DAYS[0]], door(exchange))
    build(lake, [DAYS[0]])
    stored = verdicts.read(lake, DAYS[0])
    assert stored is not None
    (said,) = [v for v in stored.verdicts if v.check == "recorded_trades_are_published"]
    assert said.evidence["only_recorded"] == [[ids(DAYS[0])[7]] * 2], "the disagreement is listed"
    assert stored.condition.value != "confirmed"
