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
from crypto_assets.defs.publishing import published_files, recheck
from crypto_assets.defs.sending import sinks_of
from crypto_assets.defs.wiring import resources_of

defs = dg.Definitions(
    assets=[*assets, segments, exchange_info, ohlcv, *sinks_of(settings.load())],
    asset_checks=[*checks, exchange_info_checks, ohlcv_checks],
    jobs=[
        market_day,
        checks_only,
        take_segments,
        heal_job,
        recheck,
        incremental_job,
        exchange_info_day,
    ],
    schedules=[daily_compaction, incremental_trades, daily_exchange_info],
    sensors=[
        known_symbols,
        known_instruments,
        published_files,
        sealed_segments,
        open_gaps,
        collector,
        unwanted_collectors,
    ],
    resources=resources_of(Path(settings.load().lake)),
    # A partition's work is short: a process for every step would cost ten times as much.
    executor=dg.in_process_executor,
)
