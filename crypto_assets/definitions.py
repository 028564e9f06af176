"""What Dagster loads: every definition, named one by one."""

from pathlib import Path

import dagster as dg

from crypto_assets import settings
from crypto_assets.defs.automation import (
    daily_compaction,
    known_symbols,
    market_day,
)
from crypto_assets.defs.checks import checks, checks_only
from crypto_assets.defs.healing import heal_job, open_gaps
from crypto_assets.defs.incremental import incremental_job, incremental_trades
from crypto_assets.defs.indicators import (
    daily_indicators,
    derived,
    derived_checks,
    indicators_day,
)
from crypto_assets.defs.ingesting import sealed_segments, take_segments
from crypto_assets.defs.listings import (
    daily_exchange_info,
    exchange_info,
    exchange_info_checks,
    exchange_info_day,
)
from crypto_assets.defs.live import collector, segments, unwanted_collectors
from crypto_assets.defs.market_data import assets
from crypto_assets.defs.ohlcv import known_instruments, ohlcv, ohlcv_checks
from crypto_assets.defs.prices import (
    hourly_prices,
    price_snapshots,
    price_snapshots_checks,
    price_snapshots_job,
)
from crypto_assets.defs.publishing import published_files, recheck
from crypto_assets.defs.reports import completeness_report, market_report
from crypto_assets.defs.sending import sinks_of
from crypto_assets.defs.streaming import (
    hourly_stream_standing,
    publish_segments,
    stream_equals_lake,
    stream_standing,
    trade_stream,
    unpublished_segments,
)
from crypto_assets.defs.warehouse import daily_warehouse, warehouse, warehouse_refresh
from crypto_assets.defs.wiring import resources_of

_SETTINGS = settings.load()

defs = dg.Definitions(
    assets=[
        *assets,
        *derived,
        segments,
        exchange_info,
        ohlcv,
        price_snapshots,
        market_report,
        completeness_report,
        trade_stream,
        warehouse,
        *sinks_of(_SETTINGS),
    ],
    asset_checks=[
        *checks,
        *derived_checks,
        exchange_info_checks,
        ohlcv_checks,
        price_snapshots_checks,
        stream_equals_lake,
    ],
    jobs=[
        market_day,
        checks_only,
        take_segments,
        heal_job,
        recheck,
        incremental_job,
        exchange_info_day,
        indicators_day,
        price_snapshots_job,
        publish_segments,
        stream_standing,
        warehouse_refresh,
    ],
    schedules=[
        daily_compaction,
        daily_indicators,
        daily_warehouse,
        incremental_trades,
        daily_exchange_info,
        hourly_prices,
        hourly_stream_standing,
    ],
    sensors=[
        known_symbols,
        known_instruments,
        published_files,
        sealed_segments,
        open_gaps,
        collector,
        unwanted_collectors,
        unpublished_segments,
    ],
    resources=resources_of(Path(_SETTINGS.lake)),
    # A partition's work is short: a process for every step would cost ten times as much.
    executor=dg.in_process_executor,
)
