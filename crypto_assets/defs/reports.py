"""Pages to look at, as assets: one of every day, and one of all days."""

import base64
import warnings

import dagster as dg

from crypto_assets.defs.metadata import Metadata, of_picture
from crypto_assets.defs.partitions import key_of, partitions_of, symbol_days
from crypto_assets.defs.resources import LakeResource
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.html_pages import Written, write_completeness, write_report
from crypto_assets.pipeline.status import status_of
from crypto_assets.pipeline.survey import survey
from crypto_assets.sinks import heatmap

MARKET_REPORT, COMPLETENESS_REPORT = "market_report", "completeness_report"
_PICTURES = 7
_KINDS = {"html"}

with warnings.catch_warnings():
    # A backfill policy is a beta feature of this version of Dagster, which is pinned.
    warnings.simplefilter("ignore", dg.BetaWarning)

    @dg.asset(
        name=MARKET_REPORT,
        deps=["verdicts", "gaps"],
        partitions_def=symbol_days,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name="reports",
        kinds=_KINDS,
        description="One page of a day: charts, the proof, every check, the gap ledger. It needs "
        "no network and nothing beside it.",
        owners=["team:market-data"],
    )
    def market_report(context: dg.AssetExecutionContext, lake: LakeResource) -> None:
        """Write the page of every partition of the run; a day without data has one too."""
        partitions = partitions_of(context.partition_keys)
        for partition in partitions:
            written = write_report(lake.lake, partition)
            found = _of_page(written)
            found["condition"] = dg.MetadataValue.text(status_of(lake.lake, partition).condition)
            if len(partitions) <= _PICTURES:
                found |= of_picture(lake.lake, partition)
            context.add_asset_metadata(
                found,
                asset_key=context.asset_key,
                partition_key=key_of(partition),
            )


def _of_page(written: Written) -> Metadata:
    """Say where a page lies; a browser on this machine opens the address."""
    return {
        "path": dg.MetadataValue.path(str(written.path)),
        "open": dg.MetadataValue.url(written.path.as_uri()),
        "bytes": dg.MetadataValue.int(written.bytes),
    }


@dg.asset(
    name=COMPLETENESS_REPORT,
    deps=["verdicts", market_report],
    group_name="reports",
    kinds=_KINDS,
    description="One page of all symbols and days: what each is said to be, as a heat map with "
    "links to the pages of days.",
    owners=["team:market-data"],
)
def completeness_report(lake: LakeResource) -> dg.MaterializeResult[None]:
    """Write the page of all days."""
    return dg.MaterializeResult(metadata=_of_all(lake.lake))


def _of_all(lake: Lake) -> Metadata:
    found = survey(lake)
    metadata = _of_page(write_completeness(lake, found))
    proven, listed = (
        sum(of) for of in zip((0, 0), *(s.proven for s in found.symbols), strict=True)
    )
    metadata["symbols"] = dg.MetadataValue.int(len(found.symbols))
    metadata["days"] = dg.MetadataValue.int(listed)
    metadata["proven days"] = dg.MetadataValue.int(proven)
    if found.symbols:
        data = base64.b64encode(heatmap.png(found)).decode()
        shown = f"![Completeness by symbol and day](data:image/png;base64,{data})"
        metadata["map"] = dg.MetadataValue.md(shown)
    return metadata
