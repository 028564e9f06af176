"""``bigquery`` and ``upload``: sealed days to where others read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Optional

import typer
from rich.markup import escape

from crypto_assets import settings
from crypto_assets.cli import screen
from crypto_assets.cli.options import FAULT, LakeOption, lake_of, partitions_of
from crypto_assets.doors.warehouses import bigquery_of, bucket_of
from crypto_assets.errors import InvalidSettings
from crypto_assets.pipeline.loading import Loaded, load_days
from crypto_assets.pipeline.sealed import Kept
from crypto_assets.pipeline.uploading import Uploaded, upload_days
from crypto_assets.sinks.bigquery import Load

_Symbols = Annotated[list[str], typer.Option("--symbol", help="May be given several times.")]
_Date = Annotated[str, typer.Option(help="A day or a range of days, D or D..D2.")]
_Assets = Annotated[
    Optional[list[str]],
    typer.Option("--asset", help="daily_trades, daily_bars, daily_quotes; by the settings."),
]
_Unproven = Annotated[
    bool,
    typer.Option("--unproven", help="Also sealed days that are not proven complete."),
]
SEALED = ("daily_trades", "daily_bars", "daily_quotes")


def bigquery(
    symbol: _Symbols,
    date: _Date,
    asset: _Assets = None,
    *,
    unproven: _Unproven = False,
    lake: LakeOption = None,
) -> None:
    """Load sealed days into the BigQuery dataset of the settings.

    A day whose content is there already is left alone, one that was sealed anew takes the place of
    its earlier version, and no row is ever there twice, whatever is killed in between. Credentials
    are those Google's libraries find in the environment. Exit status 3 when a day was not loaded:
    it is not sealed, or not proven complete.

    Example: [bold]crypto-assets bigquery --symbol NEXOUSDT --date 2024-07-24[/]
    """
    target, found = lake_of(lake), settings.load()
    if found.bigquery is None:
        raise InvalidSettings("expected [bigquery] with a project in the settings, found none")
    partitions = partitions_of(symbol, date)
    assets = _assets(asset, found.bigquery.assets)
    warehouse = bigquery_of(found.bigquery, found.venue)
    with screen.progress() as bar:
        task = bar.add_task("loading", total=len(partitions) * len(assets))

        def told(one: Loaded) -> None:
            steps = len(assets) if isinstance(one, Kept) else 1
            bar.update(task, advance=steps, description=escape(_name(one)))

        done = load_days(
            target,
            warehouse,
            assets,
            partitions,
            takes_unproven=unproven or found.bigquery.takes_unproven,
            told=told,
        )
    loads = [one for one in done if not isinstance(one, Kept)]
    for one in loads:
        what = f"{one.sealed.manifest.rows:,} rows" if one.changed else "unchanged"
        _say(f"{one.sealed} v{one.sealed.manifest.version} in {one.target}: {what}")
    _end([one for one in done if isinstance(one, Kept)])


def upload(
    symbol: _Symbols,
    date: _Date,
    to: Annotated[
        Optional[str],
        typer.Option(help="s3://bucket/prefix or gs://bucket/prefix; by default the settings'."),
    ] = None,
    asset: _Assets = None,
    *,
    unproven: _Unproven = False,
    endpoint: Annotated[
        Optional[str],
        typer.Option(help="Another address than Amazon's or Google's, such as MinIO's."),
    ] = None,
    lake: LakeOption = None,
) -> None:
    """Put sealed days, and their checksums, into an object store, under the keys of the lake.

    An object with the same sha256 is left alone; any other is replaced only if it is still the one
    that was seen, and never by an earlier version. What the store says of size and checksum is
    held against the file. Credentials are those of the environment. Exit status 3 when a day was
    not put.

    Example: [bold]crypto-assets upload --to s3://bucket/lake --symbol NEXOUSDT --date 2024-07-24[/]
    """
    target, found = lake_of(lake), settings.load().objects
    where = to or found.to
    if where is None:
        raise InvalidSettings("expected --to or [objects] to in the settings, found neither")
    partitions = partitions_of(symbol, date)
    assets = _assets(asset, found.assets)
    bucket = bucket_of(where, settings.endpoint("objects", endpoint or found.endpoint))
    with screen.progress() as bar:
        task = bar.add_task("putting", total=None)

        def told(one: Uploaded) -> None:
            bar.update(task, advance=1, description=escape(_name(one)))

        done = upload_days(
            target,
            bucket,
            assets,
            partitions,
            takes_unproven=unproven or found.takes_unproven,
            told=told,
        )
    for one in done:
        if not isinstance(one, Kept):
            _say(f"{one.url}: {'put and verified' if one.changed else 'unchanged'}")
    _end([one for one in done if isinstance(one, Kept)])


def _assets(asked: Sequence[str] | None, by_default: Sequence[str]) -> Sequence[str]:
    for name in asked or ():
        if name not in SEALED:
            raise typer.BadParameter(f"{name!r}: expected some of {', '.join(SEALED)}")
    return asked or by_default


def _name(one: Loaded | Uploaded) -> str:
    match one:
        case Kept():
            return str(one.partition)
        case Load():
            return str(one.sealed)
    return one.url.rpartition("/")[2]


def _say(text: str) -> None:
    screen.console.print(escape(text), highlight=False, soft_wrap=True)


def _end(kept: Sequence[Kept]) -> None:
    for one in kept:
        text = f"[yellow]not sent[/] {escape(str(one))}"
        screen.errors.print(text, highlight=False, soft_wrap=True)
    if any(one.is_fault for one in kept):
        raise typer.Exit(FAULT)
