"""``sql``: ask the lake, with a statement, a file or one of the examples."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer
from rich.markup import escape

from crypto_assets import settings
from crypto_assets.cli import screen
from crypto_assets.cli.options import LakeOption, days_of, lake_of
from crypto_assets.errors import InvalidName, UnreadableInput
from crypto_assets.model.instrument import Instrument


def sql(
    statement: Annotated[Optional[str], typer.Argument(help="One SELECT statement.")] = None,
    file: Annotated[
        Optional[Path],
        typer.Option(
            "-f", "--file", help="A file with one SELECT statement.", exists=True, dir_okay=False
        ),
    ] = None,
    example: Annotated[Optional[str], typer.Option(help="One of the examples.")] = None,
    list_examples: Annotated[
        bool,
        typer.Option("--list-examples", help="Say what each of the examples answers."),
    ] = False,
    symbol: Annotated[
        Optional[str],
        typer.Option(help="What getvariable('symbol') is, and 'venue': BTCUSDT, bybit:BTCUSDT."),
    ] = None,
    date: Annotated[
        Optional[str],
        typer.Option(help="What getvariable('first_date') and 'last_date' are: D or D..D2."),
    ] = None,
    form: Annotated[str, typer.Option("--format", help="table, csv, json or parquet.")] = "table",
    output: Annotated[
        Optional[Path],
        typer.Option("-o", "--output", help="Write to a file instead."),
    ] = None,
    lake: LakeOption = None,
) -> None:
    """Ask the lake in SQL.

    Views: trades, quotes, bars_1s, bars_1m, bars_5m, bars_15m, bars_1h, bars_4h, bars_1d, klines,
    agg_trades, ohlcv, indicators, indicators_1d, volume_profile, trade_stream, verdicts, gaps,
    revisions, listings, symbol_history, completeness, price_snapshots, price_indicators_1d; every
    row has its venue, symbol and date.

    [bold]complete_trades(symbol, first_date, last_date)[/] and [bold]complete_bars[/] give a range
    of days, or an error that names every day that is not proven; [bold]flagged_trades[/] and
    [bold]flagged_bars[/] give what there is, with [bold]is_proven[/].

    Example: [bold]crypto-assets sql "SELECT symbol, date, sum(volume) FROM bars_1m GROUP BY ALL"[/]

    Example: [bold]crypto-assets sql --example daily_vwap --symbol BTCUSDT --date 2024-08-09[/]
    """
    from crypto_assets.pipeline import examples, query

    if list_examples:
        for name in examples.names():
            told = f"[bold]{name}[/]: {escape(examples.answers(examples.example(name)))}"
            screen.console.print(told, highlight=False, soft_wrap=True)
        return
    asked = _asked(statement, file, example)
    if form not in query.FORMATS:
        raise InvalidName(f"format {form!r}: expected one of {', '.join(query.FORMATS)}")
    if output is None and form == "parquet":
        raise InvalidName("format 'parquet': expected a file to write to, name it with -o")
    found = query.query(
        lake_of(lake),
        asked,
        venue=settings.load().venue,
        variables=_variables(symbol, date),
    )
    if output is not None:
        query.write(found, "csv" if form == "table" else form, output.absolute())
        told = f"{found.height:,} rows in {escape(str(output))}"
        screen.errors.print(told, highlight=False, soft_wrap=True)
    elif form == "table":
        screen.console.print(screen.rows(found))
    else:
        sys.stdout.buffer.write(query.render(found, form))


def _asked(statement: str | None, file: Path | None, example: str | None) -> str:
    """Read the one statement that was named."""
    from crypto_assets.pipeline import examples

    given = [one for one in (statement, file, example) if one is not None]
    if len(given) != 1:
        raise typer.BadParameter(
            f"expected one of a statement, --file and --example, found {len(given)} of them",
        )
    if file is not None:
        try:
            return file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise UnreadableInput(f"{file}: expected text in UTF-8, found {error}") from error
    return examples.example(example) if example is not None else str(statement)


def _variables(symbol: str | None, date: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    if symbol is not None:
        instrument = Instrument.parse(symbol, settings.load().venue)
        found |= {"venue": instrument.venue, "symbol": instrument.symbol}
    if date is not None:
        days = days_of(date)
        found |= {"first_date": days[0].isoformat(), "last_date": days[-1].isoformat()}
    return found
