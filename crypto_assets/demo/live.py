"""Tell the live half of the demo: recorded with faults, known to the id, healed, sealed, proven."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path

from crypto_assets.demo import live_proof, recorded
from crypto_assets.demo.acts import build, import_, known
from crypto_assets.demo.recording import DROPPED, REPEATED, SECONDS, Live
from crypto_assets.demo.report import Section
from crypto_assets.demo.teller import Teller
from crypto_assets.doors.exchanges import now_us, open_doors
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import gaps
from crypto_assets.pipeline.heal import heal
from crypto_assets.pipeline.segments import take_segments, waiting
from crypto_assets.pipeline.status import DayStatus
from crypto_assets.settings import Archive, Healing


def tell_live(
    live: Live,
    thread: threading.Thread,
    teller: Teller,
    imported: Lake,
) -> list[Section]:
    """Take what was recorded meanwhile, find what is missing, heal it, build it and prove it."""
    holes = _holes(live, thread, teller)
    whole = _whole(live, teller)
    return [holes, whole, _replayed(live, teller, imported)]


def _holes(live: Live, thread: threading.Thread, teller: Teller) -> Section:
    heading = "Live, from an exchange that misbehaves"
    intro = (
        f"A collector recorded {SECONDS} seconds of a loopback exchange while the rest of this "
        f"demo ran. The exchange left {DROPPED} trades out of its stream, sent {REPEATED} twice, "
        "hung up and refused to be called back for a moment."
    )
    teller.heading(heading)
    teller.tell(intro)
    with teller.progress() as bar:
        bar.add_task("recording", total=None)
        thread.join()
    paths = waiting(live.lake, "binance")
    taken, _ = take_segments(live.lake, "binance", paths)
    rows = sum(landed.rows for one in taken for landed in one.record.landed)
    teller.line(f"{len(taken)} segments taken, {rows:,} rows")
    gaps.refresh_days(live.lake, live.days, now_us())
    teller.days(_counted(live))
    claims = live_proof.recorded(
        live.lake,
        {day: live.issued(day) for day in live.days},
        {day: live.dropped(day) for day in live.days},
        REPEATED,
        live.ends,
    )
    teller.claims(claims)
    return Section(heading, intro, claims)


def _counted(live: Live) -> Sequence[tuple[DayStatus, int]]:
    """What is known of the days, with what their ledgers say is missing."""
    return [
        (day, len(gaps.missing_of(live.lake, partition)))
        for (day, _), partition in zip(known(live.lake, live.days), live.days, strict=True)
    ]


def _whole(live: Live, teller: Teller) -> Section:
    heading = "Healed by id, sealed, and held against the exchange's own bars"
    intro = (
        "Exactly the missing ids are asked for by id. The exchange's day ends, it publishes its "
        "bars of every second, and the days are built and judged."
    )
    teller.heading(heading)
    teller.tell(intro)
    url = live.exchange.http_url
    doors = open_doors(live.lake, Healing(http_url=url), Archive().at(url))
    fetched = 0
    for day in live.days:
        healed = heal(live.lake, day, doors)
        fetched += healed.count
        teller.line(f"{day}: {healed.count} ids healed, {len(healed.left)} still missing")
    with tempfile.TemporaryDirectory() as directory:
        import_(teller, live.lake, live.publish(Path(directory)))
    build(teller, live.lake, live.days)
    teller.days(_counted(live))
    issued = {day: live.issued(day) for day in live.days}
    claims = live_proof.healed(live.lake, issued, fetched)
    teller.claims(claims)
    return Section(heading, intro, claims)


def _replayed(live: Live, teller: Teller, imported: Lake) -> Section:
    day: Partition = recorded.WHOLE_DAY
    heading = "The real day, through the live route"
    intro = (
        f"{day.instrument.symbol} {day.date} was also sent through a websocket as fast as it goes, "
        "recorded by a collector, taken and sealed."
    )
    teller.heading(heading)
    teller.tell(intro)
    build(teller, live.lake, recorded.NEXO)
    claims = [live_proof.replayed(live.lake, imported, day)]
    teller.claims(claims)
    return Section(heading, intro, claims)
