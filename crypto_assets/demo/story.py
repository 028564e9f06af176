"""Tell the demo: import, build, prove, damage, heal, draw; hold every promise against the lake."""

from __future__ import annotations

import functools
import shlex
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import zstandard
from rich.console import Console

from crypto_assets import settings
from crypto_assets.demo import proof, recorded
from crypto_assets.demo.acts import build, import_, known
from crypto_assets.demo.damage import Damaged, damage
from crypto_assets.demo.live import tell_live
from crypto_assets.demo.recording import recording
from crypto_assets.demo.report import Report, Section, html
from crypto_assets.demo.teller import Teller
from crypto_assets.errors import InvalidName
from crypto_assets.lake import atomic
from crypto_assets.lake.lake import Lake
from crypto_assets.model.coverage import Coverage, Range
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline import verdicts
from crypto_assets.pipeline.html_pages import write_completeness, write_report
from crypto_assets.pipeline.ingest import take
from crypto_assets.pipeline.status import status_of
from crypto_assets.pipeline.survey import survey
from crypto_assets.sinks import chart
from crypto_assets.sinks.chart import Chart

DROPPED: tuple[Range, ...] = (
    (12_797_001, 12_797_007),
    (12_799_511, 12_799_547),
    (12_803_055, 12_803_066),
)
REPEATED = range(12_798_000, 12_804_000, 300)
DAMAGED_NAME = "nexousdt_20240724-torn.jsonl.zst"
MARKER = ".made-by-the-demo"
TITLE = "NEXOUSDT on Binance spot, 24 July 2024"
SQL = (
    "SELECT ts_open, open, high, low, close, volume, trade_count FROM bars_1h "
    "WHERE symbol = 'NEXOUSDT' AND date = '2024-07-24' ORDER BY ts_open"
)


def run(lake_root: Path, out: Path, console: Console) -> int:
    """Run the whole demo and write the report.

    Args:
        lake_root: The lake to import into; what it holds already stays.
        out: The directory of the report, made where it is not there.
        console: Where the story is told.

    Returns:
        0 when every promise was kept, 1 otherwise.

    Raises:
        InvalidName: ``<lake_root>-damaged`` or ``-live`` is there and was not made by the demo.
        CryptoAssetsError: a recording cannot be read, or a file not be committed.

    """
    lake, teller = Lake(lake_root), Teller(console)
    spoilt, live = (_new_lake_beside(lake, name) for name in ("damaged", "live"))
    with recording(live) as (found, thread):
        return _tell(teller, lake, spoilt, out, functools.partial(tell_live, found, thread))


def _tell(
    teller: Teller,
    lake: Lake,
    spoilt: Lake,
    out: Path,
    live: Callable[[Teller, Lake], list[Section]],
) -> int:
    days = (*recorded.NEXO, *recorded.BTC)
    teller.heading("Real recordings of an exchange")
    teller.tell("Trades and quotes of Binance spot, recorded by others, kept in this repository.")
    import_(teller, lake, [recorded.path(name) for name in recorded.ALL])
    failures = build(teller, lake, days)
    teller.days(known(lake, days))
    sections = [_whole(lake), _confirmed(lake)]
    for section in sections:
        teller.heading(section.heading)
        teller.tell(section.intro)
        teller.claims(section.claims)
    sections.append(_break(teller, spoilt))
    sections.append(_heal(teller, spoilt, lake))
    sections += live(teller, lake)

    page, picture = _write(lake, out, sections)
    day = write_report(lake, recorded.WHOLE_DAY)
    every = write_completeness(lake, survey(lake))
    teller.heading("See for yourself")
    for line in (
        f"Report    {page}",
        f"Chart     {picture}",
        f"The day   {day.path}",
        f"All days  {every.path}",
        f"Lake      {lake.layout.root}",
    ):
        teller.line(line)
    for command in commands(lake):
        teller.line(command)
    return _conclude(teller, sections, failures)


def _new_lake_beside(lake: Lake, name: str) -> Lake:
    """Make another lake of the demo anew; never remove a directory somebody else made."""
    root = lake.layout.root.with_name(f"{lake.layout.root.name}-{name}")
    if root.exists() and not (root / MARKER).exists():
        raise InvalidName(
            f"{root}: expected no directory or one that the demo made, found another; move it",
        )
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    (root / MARKER).touch()
    return Lake(root)


def _whole(lake: Lake) -> Section:
    day = recorded.WHOLE_DAY
    return Section(
        f"{day.instrument.symbol} {day.date} is whole",
        "Ten minutes of the day before and of the day after were recorded too.",
        proof.whole_day(lake, day, recorded.WHOLE_DAY_IDS),
    )


def _confirmed(lake: Lake) -> Section:
    return Section(
        "The exchange's own data agree",
        "Of BTCUSDT the eleven minutes around midnight were recorded; the exchange's klines are "
        "of both whole days.",
        [
            proof.parity(lake, recorded.BTC, recorded.BTC_WHOLE_MINUTES),
            *(proof.lost(lake, day, ids) for day, ids in recorded.BTC_MISSING.items()),
        ],
    )


def damaged_recording() -> Damaged:
    """Damage the first of the two recordings of the whole day."""
    packed = recorded.path(recorded.NEXO_CAPTURES[0]).read_bytes()
    text = zstandard.ZstdDecompressor().decompress(packed)
    return damage(text, drop=DROPPED, repeat=REPEATED)


def _break(teller: Teller, lake: Lake) -> Section:
    """Build a damaged copy of the recording in a lake of its own."""
    day, found = recorded.WHOLE_DAY, damaged_recording()
    path = lake.layout.root / DAMAGED_NAME
    path.write_bytes(found.data)
    heading = "A damaged copy of the recording"
    intro = (
        f"In a lake of its own: {len(Coverage.of(DROPPED))} trades dropped in {len(DROPPED)} "
        f"places, {found.repeated} written twice, the file torn within trade {found.torn_id}."
    )
    teller.heading(heading)
    teller.tell(intro)
    import_(teller, lake, [path, recorded.path(recorded.NEXO_CAPTURES[1])])
    build(teller, lake, recorded.NEXO)
    teller.days(known(lake, [day]))
    claims = [
        *proof.broken(lake, day, found.lost, found.repeated),
        proof.torn(take(lake, path).record),
    ]
    teller.claims(claims)
    return Section(heading, intro, claims, chart.png(_chart(lake, day), width_px=1200))


def _heal(teller: Teller, lake: Lake, untouched: Lake) -> Section:
    """Import the untouched recording beside the damaged one and build again."""
    day = recorded.WHOLE_DAY
    heading = "Healed"
    intro = "The untouched recording is imported beside the damaged one, and the day built again."
    teller.heading(heading)
    teller.tell(intro)
    import_(teller, lake, [recorded.path(recorded.NEXO_CAPTURES[0])])
    build(teller, lake, recorded.NEXO)
    teller.days(known(lake, [day]))
    claims = proof.healed(lake, untouched, day)
    teller.claims(claims)
    return Section(heading, intro, claims)


def _chart(lake: Lake, partition: Partition) -> Chart:
    day = status_of(lake, partition)
    ids = f"ids {day.first_trade_id} to {day.last_trade_id}"
    count = len(Coverage.of(day.missing))
    return Chart(
        lake.scan("bars_1s", partition).collect(),
        TITLE,
        f"{day.condition}: {day.rows:,} trades, {ids}, {count or 'none'} missing",
        missing=day.missing,
        price_unit="USDT",
        quantity_unit="NEXO",
    )


def _write(lake: Lake, out: Path, sections: Sequence[Section]) -> tuple[Path, Path]:
    """Write the page and the picture of the day."""
    day = recorded.WHOLE_DAY
    drawn = _chart(lake, day)
    found = verdicts.read(lake, day)
    report = Report(
        title="A day of the exchange, proven whole",
        lead="Real trades and quotes, recorded from the exchange's stream, built into exact "
        "one-second bars and held against their own trade ids and the exchange's klines.",
        chart=chart.svg(drawn),
        days=known(lake, (*recorded.NEXO, *recorded.BTC)),
        sections=sections,
        checks=found.verdicts if found else (),
        commands=commands(lake),
        footer="Recordings by others, used under the MIT licence; see ORIGIN.md beside them.",
    )
    stem = out.absolute() / f"{day.instrument.symbol}-{day.date}"
    page, picture = stem.with_suffix(".html"), stem.with_suffix(".png")
    atomic.write_bytes(page, html(report).encode())
    atomic.write_bytes(picture, chart.png(drawn))
    return page, picture


def commands(lake: Lake) -> list[str]:
    """Give what can be typed next: SQL, polars without us, and the UI."""
    root = lake.layout.root
    is_ours = root == Path(settings.load().lake)
    option = "" if is_ours else f" --lake {shlex.quote(str(root))}"
    files = f"{root}/daily_bars/**/*.parquet"
    polars = (
        f"import polars as pl; print(pl.scan_parquet({files!r}, hive_partitioning=True)"
        ".group_by('symbol', 'date').agg(pl.col('trade_count', 'quote_volume').sum())"
        ".sort('date').collect())"
    )
    return [
        f'.venv/bin/crypto-assets sql "{SQL}"{option}',
        f'.venv/bin/python -c "{polars}"',
        "make dev" if is_ours else f".venv/bin/crypto-assets dev{option}",
    ]


def _conclude(teller: Teller, sections: Sequence[Section], failures: Sequence[str]) -> int:
    claims = [claim for section in sections for claim in section.claims]
    broken = [claim for claim in claims if not claim.holds]
    if not broken:
        teller.heading(f"All {len(claims)} claims hold.")
        return 0
    teller.heading(f"{len(broken)} of {len(claims)} claims do not hold:")
    teller.claims(broken)
    for failure in failures:
        teller.line(failure)
    return 1
