"""Why there may be nothing of a day: not listed, not published yet, or not to be had."""

from __future__ import annotations

from collections.abc import Iterable

from crypto_assets.lake.inputs import Inputs
from crypto_assets.lake.lake import Lake
from crypto_assets.lake.published import Publication, Published
from crypto_assets.model.manifest import PUBLISHED, Manifest
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import exchange_info
from crypto_assets.pipeline.ingest import input_id
from crypto_assets.venues import venue
from crypto_assets.venues.venue import ArchiveName


def publication_of(lake: Lake, partition: Partition) -> Publication | None:
    """What is known of a day's published file of trades, None where it was never asked for."""
    instrument = partition.instrument
    name = ArchiveName(instrument.symbol, "trades", None, partition.date.isoformat())
    file = venue(instrument.venue).archive_file(name)
    return None if file is None else Published(lake.layout, instrument).read(file.name)


def is_awaited(lake: Lake, partition: Partition) -> bool:
    """Whether the exchange had not published a day when it was asked, soon after its end."""
    found = publication_of(lake, partition)
    return found is not None and found.is_awaited(partition.end_us)


def is_not_listed(lake: Lake, partition: Partition) -> bool:
    """Whether the symbol is known not to have been traded on a day, before or after its time.

    The archive keeps the files of every symbol that ever was: what it has of one begins with its
    first day. After the last file a symbol is gone where the exchange itself says so, for its files
    may only be late. Without a listing of the archive the exchange's word is all there is.
    """
    span = Published(lake.layout, partition.instrument).span()
    if span is None:
        return exchange_info.is_not_listed(lake, partition)
    if partition.date < span.first:
        return True
    return partition.date > span.last and exchange_info.is_gone(lake, partition)


def republished(
    lake: Lake,
    partition: Partition,
    parts: Iterable[Manifest],
) -> dict[str, str] | None:
    """Name the published files of a day that were published again since they were taken.

    With the sha256 they have now; None where none of them was asked for since.
    """
    instrument = partition.instrument
    inputs, published = Inputs(lake.layout, instrument.venue), Published(lake.layout, instrument)
    found: dict[str, str] = {}
    is_asked = False
    for entry in (entry for part in parts for entry in part.inputs if entry.source in PUBLISHED):
        known, record = published.read(entry.name), inputs.find(input_id(instrument.venue, entry))
        if known is None or known.sha256 is None or record is None:
            continue
        is_asked = True
        if known.sha256 not in (record.published, record.sha256):
            found[entry.name] = known.sha256
    return found if is_asked else None


def why_nothing(lake: Lake, partition: Partition) -> str:
    """Say in words why nothing is stored of a day."""
    found = publication_of(lake, partition)
    if found is None:
        return (
            "no imported file holds a trade of that day; import a capture or an archive file of it "
            "first"
        )
    if found.why is not None:
        return f"its archive file could not be had: {found.why}"
    if found.is_published:
        return "its archive file holds no trade of that day"
    return f"its archive file is not published, it was asked for {found.tries} times"
