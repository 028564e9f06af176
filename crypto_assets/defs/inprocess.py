"""Run the assets in this process, as a backfill would."""

from collections.abc import Sequence
from itertools import groupby

import dagster as dg

from crypto_assets.defs.automation import RANGE_END, RANGE_START, market_day
from crypto_assets.defs.batch import Watch, watching
from crypto_assets.defs.checks import checks
from crypto_assets.defs.instance import instance_for
from crypto_assets.defs.market_data import assets
from crypto_assets.defs.partitions import days, key_of, symbol_key, symbols
from crypto_assets.defs.wiring import resources_of
from crypto_assets.errors import InvalidName
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def build(
    lake: Lake,
    partitions: Sequence[Partition],
    watch: Watch,
    *,
    asks_archive: bool = True,
) -> list[str]:
    """Materialize every asset of partitions and run every check, one run a symbol.

    Days between the first and the last of a symbol are built too: a run takes a range.
    ``watch`` is told of every partition of an asset once it is made or has failed;
    ``asks_archive`` says whether what is published of them and not here is asked for.

    Returns:
        What went wrong in each run that failed; empty when all of them succeeded.

    Raises:
        InvalidName: a day before the settings' first one or after today.
    """
    for partition in partitions:
        if not days.has_partition_key(partition.date.isoformat()):
            first, last = days.get_first_partition_key(), days.get_last_partition_key()
            raise InvalidName(f"{partition}: expected a day from {first} to {last}")
    definitions = dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=[market_day],
        resources=resources_of(lake.layout.root, asks_archive=asks_archive),
        executor=dg.in_process_executor,
    )
    job = definitions.resolve_job_def(market_day.name)
    failures: list[str] = []
    with instance_for(lake) as instance, watching(watch):
        for instrument, those in groupby(sorted(partitions), key=lambda p: p.instrument):
            ordered = list(those)
            instance.add_dynamic_partitions(symbols.name or "", [symbol_key(instrument)])
            result = job.execute_in_process(
                run_config=_QUIET,
                instance=instance,
                tags={RANGE_START: key_of(ordered[0]), RANGE_END: key_of(ordered[-1])},
                raise_on_error=False,
            )
            failures.extend(
                event.step_failure_data.error_display_string.split("\n\nStack Trace")[0]
                for event in result.all_events
                if event.is_step_failure
            )
    return failures
