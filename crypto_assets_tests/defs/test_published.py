"""The sensor sees what was published, the backfill takes it, the recheck takes it anew."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import dagster as dg
import pytest

from crypto_assets.defs.partitions import key_of
from crypto_assets.defs.publishing import published_files, recheck
from crypto_assets.defs.resources import LakeResource
from crypto_assets.defs.wiring import resources_of
from crypto_assets.exchange import FLAT_OUT, Remote, random_market, run_in_thread
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.published import Published
from crypto_assets.model.interval import DAY_US
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import revisions
from crypto_assets.pipeline.build import build
from crypto_assets.pipeline.published import take_published
from crypto_assets.pipeline.status import status_of

YESTERDAY = Partition.of(
    "binance",
    "BTCUSDT",
    (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)).isoformat(),
)
MARKET = random_market(["BTCUSDT"], YESTERDAY.start_us, 86_400, 0.02, seed=5)
TRADES = f"BTCUSDT-trades-{YESTERDAY.date}"


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch) -> Iterator[Remote]:
    with run_in_thread(MARKET, pace=FLAT_OUT) as found:
        found.jump(YESTERDAY.end_us + 3_600_000_000)
        monkeypatch.setenv("CRYPTO_ASSETS_ARCHIVE_URL", found.http_url)
        yield found


@pytest.fixture
def lake(lake: Lake, exchange: Remote) -> Lake:
    """A lake whose archive is the loopback exchange's."""
    return lake


def tick(instance: dg.DagsterInstance, lake: Lake) -> list[dg.RunRequest] | str:
    with dg.build_sensor_context(instance=instance) as context:
        found = published_files(context, lake=LakeResource(root=str(lake.layout.root)))
    if isinstance(found, dg.SkipReason):
        return found.skip_message or ""
    assert isinstance(found, dg.SensorResult)
    return list(found.run_requests or [])


def forget(lake: Lake) -> None:
    """Let it be an hour since the files were asked for."""
    published = Published(lake.layout, YESTERDAY.instrument)
    for kind in ("trades", "1m", "1s", "aggTrades"):
        known = published.read(f"BTCUSDT-{kind}-{YESTERDAY.date}.zip")
        assert known is not None
        published.write(
            type(known)(
                name=known.name,
                is_published=known.is_published,
                asked_us=known.asked_us - DAY_US,
                sha256=known.sha256,
                tries=known.tries,
                why=known.why,
            ),
        )


def test_the_sensor_asks_once_for_a_day_that_is_published(
    instance: dg.DagsterInstance,
    lake: Lake,
    exchange: Remote,
) -> None:
    exchange.inject({"archive_unpublished": ["BTCUSDT"]})
    assert tick(instance, lake) == "everything that is published of recent days is here"
    before = len(exchange.requests)
    assert tick(instance, lake) == "everything that is published of recent days is here"
    assert len(exchange.requests) == before, "what was not there is not asked for at once again"
    exchange.inject({"archive_unpublished": []})
    forget(lake)
    (request,) = tick(instance, lake)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == key_of(YESTERDAY)
    instance.create_run_for_job(
        dg.Definitions(jobs=[recheck], resources=resources_of(lake.layout.root)).resolve_job_def(
            "recheck",
        ),
        tags=request.tags,
    )
    assert tick(instance, lake) == "the run asked for before is under way"


def test_the_sensor_asks_for_a_day_that_was_published_anew(
    instance: dg.DagsterInstance,
    lake: Lake,
    exchange: Remote,
) -> None:
    from crypto_assets.doors.exchanges import archive_of
    from crypto_assets.settings import load

    first = int(MARKET.tapes["BTCUSDT"].ids[0])
    exchange.inject({"archive_altered": {TRADES: [[first + 3, first + 3]]}})
    archive = archive_of(lake, load().archive, load().healing)
    assert archive is not None
    for asset in ("raw_trades", "klines", "agg_trades"):
        take_published(lake, asset, [YESTERDAY], archive)
    forget(lake)
    assert tick(instance, lake) == "everything that is published of recent days is here"
    exchange.inject({"republished": [TRADES]})
    forget(lake)
    (request,) = tick(instance, lake)
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == key_of(YESTERDAY)


def test_a_recheck_seals_what_was_published_anew_as_the_next_version(
    instance: dg.DagsterInstance,
    lake: Lake,
    exchange: Remote,
) -> None:
    from crypto_assets.doors.exchanges import archive_of
    from crypto_assets.settings import load

    first = int(MARKET.tapes["BTCUSDT"].ids[0])
    klines = [f"BTCUSDT-{kind}-{YESTERDAY.date}" for kind in ("1m", "1s", "aggTrades")]
    exchange.inject(
        {
            "archive_altered": {TRADES: [[first + 3, first + 3]]},
            "archive_unpublished": klines,
        },
    )
    archive = archive_of(lake, load().archive, load().healing)
    assert archive is not None
    take_published(lake, "raw_trades", [YESTERDAY], archive)
    build(lake, [YESTERDAY])
    assert status_of(lake, YESTERDAY).version == 1
    exchange.inject({"republished": [TRADES], "archive_unpublished": []})
    job = dg.Definitions(
        jobs=[recheck],
        resources=resources_of(lake.layout.root),
    ).resolve_job_def("recheck")
    result = job.execute_in_process(instance=instance, partition_key=key_of(YESTERDAY))
    assert result.success
    found = status_of(lake, YESTERDAY)
    assert (found.condition, found.version) == ("confirmed", 2)
    (row,) = revisions.read(lake, YESTERDAY).iter_rows(named=True)
    assert (row["added"], row["removed"], row["changed"]) == (0, 0, 1)
    told = {event.asset_key.to_user_string() for event in _made(result)}
    assert {"raw_trades", "daily_trades", "revisions"} <= told


def _made(result: dg.ExecuteInProcessResult) -> list[dg.AssetMaterialization]:
    return [event.materialization for event in result.all_events if event.is_step_materialization]
