"""Bybit's archive files of trades, a block at a time, and the klines its REST answers give.

Source: the exchange's public archive of linear contracts, ``/trading/<SYMBOL>/``, its files as they
are: a header, one trade a line, ascending or descending, the time in seconds with up to four
decimals; and the API documentation V5, "Get Kline".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal

import msgspec
import polars as pl

from crypto_assets.errors import InvalidName
from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import Interval
from crypto_assets.model.partition import parse_date
from crypto_assets.model.tables import AGG_TRADES, KLINES, PRICE, QUANTITY, TIME, TRADES
from crypto_assets.venues import opaque
from crypto_assets.venues.columns import as_decimal, as_flag, as_time, as_whole
from crypto_assets.venues.values import (
    DECIMALS,
    PRICE_DIGITS,
    QUANTITY_DIGITS,
    UNIT,
    decimal,
    time_us,
)
from crypto_assets.venues.venue import ArchiveFile, ArchiveName, DeadLetter, Rows

_CATEGORY = "linear"
_FIELDS = (10, 11)  # newer files have RPI, a flag, as their last
_KLINE_FIELDS = 7
_SECOND_DIGITS = 6
_HEADER = re.compile(rb"timestamp,[A-Za-z,]+\r?")
_TIME = re.compile(r"([1-9][0-9]{9})(?:\.([0-9]{1,6}))?")
_UUID = re.compile(opaque.UUID)
_EXPONENT = re.compile(r"[0-9](?:\.[0-9]{1,25})?e[+-][0-9]{2}")
# timestamp,symbol,side,size,price,tickDirection,trdMatchID,grossValue,homeNotional,foreignNotional
_ROW = (
    r"^([1-9][0-9]{9})(?:\.([0-9]{1,6}))?,[A-Z0-9]{2,40},(Buy|Sell),"
    rf"([0-9]{{1,{QUANTITY_DIGITS}}})(?:\.([0-9]{{1,{DECIMALS}}}))?,"
    rf"([0-9]{{1,{PRICE_DIGITS}}})(?:\.([0-9]{{1,{DECIMALS}}}))?,"
    rf"[A-Za-z]*,({opaque.UUID})(?:,[!-+\--~]*){{3,4}}$"
)
_PARTS = ("second", "below_second", "side", "size", "below_size", "price", "below_price", "match")
_READ = pl.Schema(
    {
        "line": pl.Int64(),
        "match_id": pl.String(),
        "event": pl.Int64(),
        "price": pl.Int128(),
        "quantity": pl.Int128(),
        "maker": pl.Boolean(),
    },
)
_TRADES_NAME = re.compile(
    r"(?P<symbol>[^\W_]+)(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2})\.(?:csv|csv\.gz|csv\.zst|zip)",
)
_KLINES_NAME = re.compile(
    r"(?P<symbol>[^\W_]+)-(?P<interval>{intervals})-(?P<date>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}})"
    r"\.(?:json|json\.gz|json\.zst)".format(intervals="|".join(Interval)),
)


class _Result(msgspec.Struct):
    """What an answer is about; rows are start, open, high, low, close, volume, turnover."""

    category: str
    rows: list[list[str]] = msgspec.field(name="list")


class _Answer(msgspec.Struct):
    """The answer of ``/v5/market/kline``."""

    retCode: int  # noqa: N815 - the wire's name
    result: _Result


_answer = msgspec.json.Decoder(_Answer)


def archive_name(filename: str) -> ArchiveName | None:
    """Say what a file holds by its name; see :meth:`Venue.archive_name`."""
    trades, klines = _TRADES_NAME.fullmatch(filename), _KLINES_NAME.fullmatch(filename)
    found = trades or klines
    if found is None:
        return None
    try:
        Instrument("bybit", found["symbol"])
        parse_date(found["date"])
    except InvalidName:
        return None
    if klines is None:
        return ArchiveName(found["symbol"], "trades", None, found["date"])
    return ArchiveName(found["symbol"], "klines", klines["interval"], found["date"])


def archive_file(name: ArchiveName) -> ArchiveFile | None:
    """Say where a file is published; see :meth:`Venue.archive_file`."""
    if name.table != "trades" or name.is_monthly:
        return None
    packed = f"{name.symbol}{name.date}.csv.gz"
    return ArchiveFile(packed, f"trading/{name.symbol}/{packed}", has_checksum=False)


def decode_agg_trades(data: bytes, first_line: int) -> Rows:
    """Read no line of it; see :meth:`Venue.decode_agg_trades`."""
    lines = enumerate(data.split(b"\n"), first_line)
    why = "the exchange aggregates no trades"
    dead = tuple(DeadLetter(number, why, line) for number, line in lines if line.strip())
    return Rows(frame=AGG_TRADES.schema.to_frame(), dead=dead)


def decode_trades(data: bytes, first_line: int) -> Rows:
    """Decode whole lines of an archive of trades; see :meth:`Venue.decode_trades`."""
    lines = data.split(b"\n")
    parts = _split(lines, first_line)
    good = parts.filter(pl.col("match").is_not_null()).select(
        line="line",
        match_id="match",
        event=as_whole("second") * 1_000_000 + _padded("below_second", _SECOND_DIGITS),
        price=_units("price", "below_price"),
        quantity=_units("size", "below_size"),
        maker=pl.col("side") == "Sell",
    )
    good = good.filter(
        pl.col("price") > 0,
        pl.col("quantity") > 0,
        pl.col("event") // 1_000 <= opaque.LAST_MS,
    )
    singly = parts.select("line").join(good, on="line", how="anti", maintain_order="left")
    dead: list[DeadLetter] = []
    rows = [
        row
        for line in singly["line"].to_list()
        for row in _single(line, lines[line - first_line].removesuffix(b"\r"), dead)
    ]
    others = pl.DataFrame(rows, schema=_READ, orient="row")
    frame = (
        pl.concat([good.match_to_schema(_READ), others])
        .sort("line")
        .select(
            trade_id=opaque.trade_id(pl.col("event"), pl.col("match_id")),
            ts_event=as_time("event"),
            price=as_decimal("price", PRICE),
            quantity=as_decimal("quantity", QUANTITY),
            is_buyer_maker=as_flag("maker"),
            ts_recv=pl.lit(None, dtype=TIME),
            quoted_value=pl.lit(None, dtype=QUANTITY),
            match_id="match_id",
        )
        .match_to_schema(TRADES.schema)
    )
    return Rows(frame=frame, dead=tuple(dead), units=frozenset({"us"} if len(frame) else ()))


def _split(lines: list[bytes], first_line: int) -> pl.DataFrame:
    """Cut rows of the usual shape into their parts; those of another have none."""
    texts = pl.Series([line.decode(errors="replace") for line in lines], dtype=pl.String())
    found = texts.str.strip_chars_end("\r").str.extract_groups(_ROW).struct.unnest()
    found.columns = list(_PARTS)
    return found.with_columns(line=pl.int_range(first_line, first_line + len(lines)))


def _padded(name: str, digits: int) -> pl.Expr:
    """Read digits behind a point, as many as there are, as a whole number of so many."""
    return pl.col(name).fill_null("").str.pad_end(digits, "0").cast(pl.Int64())


def _units(above: str, below: str) -> pl.Expr:
    """Read a decimal in units of 1e-8."""
    return pl.col(above).cast(pl.Int128()) * UNIT + _padded(below, DECIMALS)


def _single(
    line: int,
    data: bytes,
    dead: list[DeadLetter],
) -> Iterator[tuple[int, str, int, int, int, bool]]:
    """Read one row, whatever its shape."""
    if not data or data.isspace() or (line == 1 and _HEADER.fullmatch(data)):
        return
    try:
        texts = data.decode().split(",")
        if len(texts) not in _FIELDS:
            raise ValueError(f"row of {len(texts)} fields, expected 10 or 11")
        at, _, side, size, price, _, match = texts[:7]
        time = _TIME.fullmatch(at)
        if time is None:
            raise ValueError(f"timestamp is not in seconds: {at[:40]!r}")
        event = int(time[1]) * 1_000_000 + int((time[2] or "").ljust(_SECOND_DIGITS, "0"))
        if event // 1_000 > opaque.LAST_MS:
            raise ValueError(f"timestamp after 2039: {at[:40]!r}")
        if side not in ("Buy", "Sell"):
            raise ValueError(f"side is not Buy or Sell: {side[:40]!r}")
        if not _UUID.fullmatch(match):
            raise ValueError(f"trdMatchID is not a UUID: {match[:40]!r}")
        yield (
            line,
            match,
            event,
            decimal(_plain(price), "price", PRICE_DIGITS),
            decimal(_plain(size), "size", QUANTITY_DIGITS),
            side == "Sell",
        )
    except ValueError as error:
        reason = "row is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        dead.append(DeadLetter(line, reason, data))


def _plain(text: str) -> str:
    """Write out a number that came with an exponent, as large and tiny ones do."""
    if not _EXPONENT.fullmatch(text):
        return text
    return f"{Decimal(text):f}"


def decode_klines(data: bytes, first_line: int, interval: str) -> Rows:
    """Decode answers of ``/v5/market/kline``, one a line or a single one over several lines."""
    dead: list[DeadLetter] = []
    rows = [row for line, text in _answers(data, first_line) for row in _klines(line, text, dead)]
    names = ("ts_open", "open", "high", "low", "close", "volume", "quote_volume")
    read = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.Int128()), orient="row")
    frame = read.select(
        interval=pl.lit(interval, dtype=pl.String()),
        ts_open=as_time("ts_open"),
        **{name: as_decimal(name, PRICE) for name in ("open", "high", "low", "close")},
        **{name: as_decimal(name, QUANTITY) for name in ("volume", "quote_volume")},
        trade_count=pl.lit(None, dtype=pl.Int64()),
        taker_buy_volume=pl.lit(None, dtype=QUANTITY),
        taker_buy_quote_volume=pl.lit(None, dtype=QUANTITY),
    ).match_to_schema(KLINES.schema)
    return Rows(frame=frame, dead=tuple(dead), units=frozenset({"ms"} if rows else ()))


def _answers(data: bytes, first_line: int) -> Iterator[tuple[int, bytes]]:
    """Give each answer with the line it begins at."""
    lines = data.split(b"\n")
    if lines[0].strip() in (b"{", b""):
        yield first_line, data
        return
    yield from ((at, line) for at, line in enumerate(lines, first_line) if line.strip())


def _klines(line: int, text: bytes, dead: list[DeadLetter]) -> Iterator[tuple[int, ...]]:
    """Read the klines of one answer; one that is none is a dead letter, and so is a bad row."""
    try:
        answer = _answer.decode(text)
        if answer.retCode or answer.result.category != _CATEGORY:
            raise ValueError(
                f"answer {answer.retCode} of category {answer.result.category[:40]!r}, "
                f"expected 0 of {_CATEGORY}",
            )
    except (ValueError, RecursionError) as error:
        dead.append(DeadLetter(line, f"no answer with klines: {error}", text))
        return
    for row in answer.result.rows:
        try:
            yield _kline(row)
        except ValueError as error:
            dead.append(DeadLetter(line, str(error), msgspec.json.encode(row)))


def _kline(row: list[str]) -> tuple[int, ...]:
    if len(row) != _KLINE_FIELDS:
        raise ValueError(f"kline of {len(row)} fields, expected {_KLINE_FIELDS}")
    start, *prices, volume, turnover = row
    opens = time_us(int(start)) if start.isascii() and start.isdigit() else None
    if opens is None:
        raise ValueError(f"kline's start is not a time: {start[:40]!r}")
    return (
        opens[0],
        *(decimal(price, "price", PRICE_DIGITS) for price in prices),
        decimal(volume, "volume", QUANTITY_DIGITS, zero=True),
        decimal(turnover, "turnover", QUANTITY_DIGITS, zero=True),
    )
