"""Load sealed days into BigQuery, each once whatever happens in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from crypto_assets.errors import CommitFailed, Refused
from crypto_assets.lake import atomic
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.sealed import Kept, sealed_days
from crypto_assets.sinks.bigquery import Known, Load, Warehouse
from crypto_assets.sinks.sealed import Sealed

Loaded = Load | Kept


def load_days(
    lake: Lake,
    warehouse: Warehouse,
    assets: Sequence[str],
    partitions: Sequence[Partition],
    *,
    takes_unproven: bool = False,
    told: Callable[[Loaded], None] = lambda _one: None,
) -> list[Loaded]:
    """Make what BigQuery holds of days what the lake's sealed files say.

    Days whose content is there already cost one question together. Two of these on one lake take
    turns with a symbol.

    Args:
        lake: Where the days are sealed.
        warehouse: Where they go.
        assets: Which of a day's sealed files.
        partitions: The days.
        takes_unproven: Whether a day goes that is not proven complete.
        told: Is told of each file that was loaded, and of each day that was not.

    Returns:
        What came of every file, and of every day that stays.

    Raises:
        StreamLost: BigQuery cannot be reached or is busy; what was loaded stays loaded.
        Refused: it does not even tell what it holds.
        InvalidSettings: there are no credentials.
    """
    done: list[Loaded] = []
    for instrument in dict.fromkeys(partition.instrument for partition in partitions):
        days = [one for one in partitions if one.instrument == instrument]
        with atomic.locked(lake.layout.loading(instrument)):
            found = list(sealed_days(lake, assets, days, takes_unproven=takes_unproven))
            known = warehouse.known([one for one in found if isinstance(one, Sealed)])
            for one in found:
                outcome: Loaded = one if isinstance(one, Kept) else _load(warehouse, one, known)
                done.append(outcome)
                told(outcome)
    return done


def _load(warehouse: Warehouse, sealed: Sealed, known: Known) -> Loaded:
    try:
        return warehouse.load(sealed, known)
    except (Refused, CommitFailed) as error:
        return Kept(sealed.partition, error)
