"""Recording live, as Dagster sees it: sensors that keep collectors alive, and what they record.

A collector is a process of its own and no run: it takes no run slot, and goes on when Dagster is
started again. What is to be done is decided in ``collector.keeper``.
"""

import hashlib
import time
from collections.abc import Mapping, Sequence

import dagster as dg
import msgspec
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorStatus
from dagster._core.storage.runs.sql_run_storage import SqlRunStorage

from crypto_assets import settings
from crypto_assets.collector.health import Health
from crypto_assets.collector.keep import Kept, end, keep
from crypto_assets.collector.keeper import Patience
from crypto_assets.collector.options import BY_SENSOR
from crypto_assets.defs.resources import LakeResource
from crypto_assets.errors import InvalidSettings

PATIENCE = Patience()
_OBSERVED_SECONDS = 60
_IDS_DRAWN = 8
"""So many symbols have their last id drawn over time."""

segments = dg.AssetSpec(
    "segments",
    group_name="live",
    description="What collectors record, as it came.",
    owners=["team:market-data"],
)


class Memory(msgspec.Struct, frozen=True):
    """What a sensor remembers from one tick to the next, as its cursor."""

    asked: dict[str, int] = {}
    """When (ns since 1970) it asked a session to end."""
    observed_ns: int = 0
    """When it last told what is recorded ..."""
    frames: dict[str, tuple[int, int]] = {}
    """... and the frames of each session then, with the heartbeat (ns since 1970) they are of."""


@dg.sensor(
    name="collector",
    minimum_interval_seconds=15,
    description="Keep the collectors of the settings alive; turn it on to record live.",
)
def collector(
    context: dg.SensorEvaluationContext,
    lake: LakeResource,
) -> dg.SensorResult:
    """Start what is wanted and does not live, replace what hangs, and tell how it goes."""
    memory = _remembered(context.cursor)
    kept = keep(
        lake.lake.layout.root,
        settings.load(),
        _me(context.instance),
        memory.asked,
        PATIENCE,
    )
    now_ns, events = time.time_ns(), []
    if kept.living and now_ns - memory.observed_ns >= _OBSERVED_SECONDS * 10**9:
        metadata = observed(kept.living, memory.frames)
        events = [dg.AssetObservation(segments.key, metadata=metadata)]
        frames = {one.session: (one.frames, one.heartbeat_ns) for one in kept.living}
        memory = Memory(observed_ns=now_ns, frames=frames)
    return _result(kept, memory, events, "the settings name no collector and no symbol")


@dg.sensor(
    name="unwanted_collectors",
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="End the collectors that the sensor collector started, once that is turned off.",
)
def unwanted_collectors(
    context: dg.SensorEvaluationContext,
    lake: LakeResource,
) -> dg.SensorResult | dg.SkipReason:
    """End what nobody keeps any more; what was started otherwise is left alone."""
    if is_on(context):
        return dg.SkipReason("the sensor collector is on, and keeps them")
    kept = end(
        lake.lake.layout.root,
        _me(context.instance),
        _remembered(context.cursor).asked,
        PATIENCE,
    )
    return _result(
        kept, Memory(), [], "the sensor collector is off, and nothing it started is left"
    )


def is_on(context: dg.SensorEvaluationContext) -> bool:
    """Whether the sensor ``collector`` of this code location is turned on.

    It is off by default: one that was never touched has no state, or the one declared in code.
    """
    origin = context.code_location_origin
    return any(
        state.status is InstigatorStatus.RUNNING
        for state in context.instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        if state.instigator_name == collector.name
        and (origin is None or state.repository_selector.location_name == origin.location_name)
    )


def _me(instance: dg.DagsterInstance) -> str:
    """Name this Dagster: another one on the same lake has collectors of its own.

    Raises:
        InvalidSettings: Dagster's history is in no SQL database, so it has no lasting number.
    """
    storage = instance.run_storage
    if not isinstance(storage, SqlRunStorage):
        raise InvalidSettings(f"Dagster's storage: expected one in SQL, found {type(storage)}")
    number = storage.get_run_storage_id()
    return f"{BY_SENSOR}:{hashlib.sha256(number.encode()).hexdigest()[:12]}"


def _remembered(cursor: str | None) -> Memory:
    if cursor is None:
        return Memory()
    try:
        return msgspec.json.decode(cursor, type=Memory)
    except msgspec.DecodeError:
        # Somebody wrote another one in the UI: nobody was asked anything, as far as is known.
        return Memory()


def _result(
    kept: Kept,
    memory: Memory,
    events: Sequence[dg.AssetObservation],
    nothing: str,
) -> dg.SensorResult:
    return dg.SensorResult(
        skip_reason="; ".join((*kept.acted, *kept.told)) or nothing,
        asset_events=events,
        cursor=msgspec.json.encode(msgspec.structs.replace(memory, asked=kept.asked)).decode(),
    )


def observed(
    living: Sequence[Health],
    before: Mapping[str, tuple[int, int]],
) -> dict[str, dg.MetadataValue]:
    """Say in numbers what collectors record, over all of them, for the UI to draw.

    Frames are told as a mean since ``before``: a single second of a market says little.
    """
    rate = sum(one.rate(*before.get(one.session, (0, one.started_ns))) for one in living)
    lags = [session.behind_ms for session in living if session.behind_ms is not None]
    offsets = [one.clock_offset_us for one in living if one.clock_offset_us is not None]
    rooms = [session.free_bytes for session in living if session.free_bytes is not None]
    found: dict[str, dg.MetadataValue] = {
        "collectors": dg.MetadataValue.int(len(living)),
        "connections": dg.MetadataValue.int(sum(one.connections for one in living)),
        "frames per second": dg.MetadataValue.float(round(rate, 1)),
        "reconnects": dg.MetadataValue.int(sum(one.reconnects for one in living)),
        "rotations": dg.MetadataValue.int(sum(one.rotations for one in living)),
        "queue high water, bytes": dg.MetadataValue.int(
            max(one.high_water_bytes for one in living)
        ),
    }
    if lags:
        found["lag, ms"] = dg.MetadataValue.float(max(lags))
    if offsets:
        found["clock offset, us"] = dg.MetadataValue.int(max(offsets, key=abs))
    if rooms:
        found["free disk, bytes"] = dg.MetadataValue.int(min(rooms))
    last: dict[str, int] = {}
    for session in living:
        for stream, number in session.last_ids.items():
            last[stream] = max(number, last.get(stream, number))
    for stream in sorted(stream for stream in last if stream.endswith("@trade"))[:_IDS_DRAWN]:
        symbol = stream.removesuffix("@trade").upper()
        found[f"last id of {symbol}"] = dg.MetadataValue.int(last[stream])
    found["last ids"] = dg.MetadataValue.json(last)
    return found
