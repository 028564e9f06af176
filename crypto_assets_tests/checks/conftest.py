"""Builders of small days: frames of the declared schemas, the manifests they deserve, and a Day."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest

from crypto_assets.checks.day import Day, Edge, SealedFile
from crypto_assets.checks.evaluate import evaluate
from crypto_assets.model.coverage import Coverage
from crypto_assets.model.interval import DAY_US, SECOND_US, Interval, length_of
from crypto_assets.model.manifest import Input, Manifest
from crypto_assets.model.partition import Partition
from crypto_assets.model.tables import AGG_TRADES, BARS, KLINES, QUOTES, TRADES, Table
from crypto_assets.model.verdict import Verdict
from crypto_assets.transforms.indicators import indicators
from crypto_assets.transforms.ohlcv import frame_of
from crypto_assets.transforms.volume_profile import volume_profile

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "binance_spot"
EIGHT = Decimal("0.00000001")
AMOUNTS = ("volume", "quote_volume", "trade_count", "taker_buy_volume", "taker_buy_quote_volume")
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Make:
    """Build what a test needs of one partition."""

    partition: Partition = field(
        default_factory=lambda: Partition.of("binance", "NEXOUSDT", "2024-07-24")
    )

    @property
    def start(self) -> int:
        """Midnight in microseconds."""
        return self.partition.start_us

    def of(self, symbol: str, date: str) -> Make:
        """The same builders for another partition."""
        return Make(Partition.of("binance", symbol, date))

    def judge(self, asset: str, check: str, day: Day) -> Verdict:
        """Evaluate the asset and pick one check's verdict."""
        (found,) = [verdict for verdict in evaluate(asset, day) if verdict.check == check]
        assert found.asset == asset
        return found

    def trades(
        self,
        ids: Sequence[int] = (100, 101, 102, 103),
        us: Sequence[int] | None = None,
        prices: Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
    ) -> pl.DataFrame:
        """Trades with these ids, one every 10 s from 00:00:00 unless given in microseconds."""
        count = len(ids)
        us = [at * 10 * SECOND_US for at in range(count)] if us is None else us
        prices = [f"1.{at % 7}" for at in range(count)] if prices is None else prices
        quantities = (
            [f"0.{at % 5 + 1}" for at in range(count)] if quantities is None else quantities
        )
        return pl.DataFrame(
            {
                "trade_id": list(ids),
                "ts_event": [self.start + at for at in us],
                "price": [Decimal(price) for price in prices],
                "quantity": [Decimal(quantity) for quantity in quantities],
                "is_buyer_maker": [at % 2 == 1 for at in range(count)],
                "ts_recv": [None] * count,
                "quoted_value": [None] * count,
                "match_id": [None] * count,
            },
            schema={**TRADES.schema, "ts_event": pl.Int64},
        ).cast(TRADES.schema)

    def quotes(
        self,
        ids: Sequence[int] = (7, 9, 12),
        bids: Sequence[str] = ("1.1", "1.2", "1.1"),
        asks: Sequence[str] = ("1.2", "1.3", "1.2"),
    ) -> pl.DataFrame:
        """Quotes, one a second from 00:00:00, of quantity 5."""
        count = len(ids)
        return pl.DataFrame(
            {
                "update_id": list(ids),
                "ts_as_of": [self.start + at * SECOND_US for at in range(count)],
                "ts_recv": [None] * count,
                "bid": [Decimal(bid) for bid in bids],
                "bid_quantity": [Decimal(5)] * count,
                "ask": [Decimal(ask) for ask in asks],
                "ask_quantity": [Decimal(5)] * count,
            },
            schema={**QUOTES.schema, "ts_as_of": pl.Int64},
        ).cast(QUOTES.schema)

    def bars(self, trades: pl.DataFrame, interval: Interval = Interval.SECOND) -> pl.DataFrame:
        """Bars of a whole day computed trade by trade, every one complete."""
        # As integers, because a time of a wrong unit is beyond what a Python datetime holds.
        rows = trades.with_columns(pl.col("ts_event").to_physical()).rows()
        return _bars(tuple(rows), interval, self.start)

    def klines(self, trades: pl.DataFrame, interval: Interval = Interval.MINUTE) -> pl.DataFrame:
        """What the exchange would publish: before the first trade it repeats a close of 1."""
        return (
            self.bars(trades, interval)
            .with_columns(pl.lit(interval.value).alias("interval"))
            .select(KLINES.schema.names())
            .with_columns(pl.col(PRICES).fill_null(Decimal(1)))
            .cast(KLINES.schema)
        )

    def derived(self) -> Day:
        """A day with indicators and a profile, whose seconds 20 to 29 may lack trades."""
        trades = self.trades()
        bars = self.bars(trades).with_columns(
            is_complete=~pl.int_range(pl.len()).is_between(20, 29),
        )
        return Day(
            partition=self.partition,
            bars=bars.lazy(),
            indicators=indicators(bars.lazy(), [], self.partition).lazy(),
            profile=volume_profile(trades.lazy(), Decimal("0.1")).lazy(),
            outdated=(),
        )

    def aggregates(self, trades: pl.DataFrame) -> pl.DataFrame:
        """What the exchange would aggregate: ids in a row of one price, side and millisecond."""
        orders: list[list[dict[str, object]]] = []
        for row in trades.with_columns(pl.col("ts_event").to_physical()).to_dicts():
            last = orders[-1][-1] if orders else None
            if last is not None and _is_one_order(last, row):
                orders[-1].append(row)
            else:
                orders.append([row])
        return pl.DataFrame(
            [
                {
                    "agg_id": number,
                    "ts_event": order[0]["ts_event"],
                    "price": order[0]["price"],
                    "quantity": sum((Decimal(str(of["quantity"])) for of in order), Decimal(0)),
                    "first_trade_id": order[0]["trade_id"],
                    "last_trade_id": order[-1]["trade_id"],
                    "is_buyer_maker": order[0]["is_buyer_maker"],
                }
                for number, order in enumerate(orders, start=70)
            ],
            schema={**AGG_TRADES.schema, "ts_event": pl.Int64},
            orient="row",
        ).cast(AGG_TRADES.schema)

    def aggregated(self, day: Day, aggregates: pl.DataFrame, source: str = "archive") -> Day:
        """The same day with one part of aggregates from a source."""
        entry = Input(name="aggregates", sha256="00", source=source, rows=aggregates.height)
        times = aggregates["ts_event"].to_physical().to_list()
        part = msgspec.structs.replace(
            self.manifest(aggregates, AGG_TRADES),
            inputs=(entry,),
            first_us=min(times, default=None),
            last_us=max(times, default=None),
        )
        return replace(day, aggregates=aggregates.lazy(), aggregate_parts=(part,))

    def manifest(self, frame: pl.DataFrame, table: Table) -> Manifest:
        """The manifest a frame deserves, with one stream as its input."""
        key = frame.get_column(table.key[0])
        ids = Coverage.of_ids(key) if key.dtype == pl.Int64 else Coverage()
        contiguous = table is TRADES
        return Manifest(
            table=table.name,
            venue=self.partition.instrument.venue,
            symbol=self.partition.instrument.symbol,
            date=self.partition.date.isoformat(),
            rows=frame.height,
            logical_hash=f"hash of {table.name}",
            schema_version=table.version,
            writer="test",
            inputs=(Input(name="a", sha256="00", source="stream", rows=frame.height),),
            first_id=ids.first,
            last_id=ids.last,
            missing=ids.missing if contiguous else (),
        )

    def published(self, trades: pl.DataFrame, checksum: str = "verified") -> Manifest:
        """The manifest of these trades as a file the exchange published."""
        entry = Input(
            name=f"{self.partition.instrument.symbol}-trades-{self.partition.date}.zip",
            sha256="11",
            source="archive",
            rows=trades.height,
            checksum=checksum,
        )
        return msgspec.structs.replace(self.manifest(trades, TRADES), inputs=(entry,))

    def day(
        self,
        trades: pl.DataFrame | None = None,
        quotes: pl.DataFrame | None = None,
        klines: pl.DataFrame | None = None,
    ) -> Day:
        """A day of trades with its bars, whose neighbours join."""
        day = Day(partition=self.partition)
        if trades is not None:
            summary = self.manifest(trades, TRADES)
            bars = self.bars(trades)
            day = replace(
                day,
                trades=trades.lazy(),
                trades_summary=summary,
                trade_parts=(summary,),
                bars=bars.lazy(),
                bars_summary=self.manifest(bars, BARS),
                rolled={"1m": self.bars(trades, Interval.MINUTE).lazy()},
            )
            if summary.first_id is not None and summary.last_id is not None:
                day = replace(
                    day,
                    previous=Edge(first_id=1, last_id=summary.first_id - 1),
                    next=Edge(first_id=summary.last_id + 1, last_id=summary.last_id + 9),
                )
        if quotes is not None:
            summary = self.manifest(quotes, QUOTES)
            day = replace(day, quotes=quotes.lazy(), quotes_summary=summary, quote_parts=(summary,))
        return day if klines is None else replace(day, klines=klines.lazy())

    def ohlcv(self, interval: str = "1h", slots: Sequence[int] | None = None) -> pl.DataFrame:
        """Bars of any exchange, one for each slot of the day or for some."""
        length = length_of(interval)
        return frame_of(
            [
                (self.start + slot * length, "2", "3", "1", "2.5", "0")
                for slot in (range(DAY_US // length) if slots is None else slots)
            ],
            interval,
        )

    def fetched(self, bars: pl.DataFrame, slots: int = 24) -> Day:
        """A day of 1h bars that were fetched when so many of them were finished."""
        until = {"1h": self.start + slots * length_of("1h")}
        return Day(partition=self.partition, ohlcv=bars.lazy(), ohlcv_until=until)

    def declared(self, day: Day, **changes: object) -> Day:
        """The same day with another summary of its trades."""
        assert day.trades_summary is not None
        return replace(day, trades_summary=msgspec.structs.replace(day.trades_summary, **changes))

    def sealed(self, day: Day, asset: str) -> Day:
        """The same day with a flawless sealed file of an asset."""
        table, manifest = {
            "daily_trades": (TRADES, day.trades_summary),
            "daily_quotes": (QUOTES, day.quotes_summary),
            "daily_bars": (BARS, day.bars_summary),
        }[asset]
        assert manifest is not None
        return self.sealed_as(
            day,
            asset,
            SealedFile(
                manifest=manifest,
                schema=table.schema,
                rows=manifest.rows,
                row_group_keys=((1, 5), (6, 9), (12, 12)),
                sha256="ab",
                sidecar_sha256="ab",
                logical_hash=manifest.logical_hash,
            ),
        )

    def sealed_as(self, day: Day, asset: str, file: SealedFile) -> Day:
        """The same day with this sealed file."""
        return replace(day, sealed={**day.sealed, asset: file})

    def nexo(self) -> pl.DataFrame:
        """12,215 real trades, the whole UTC day; skips where the recordings are not there."""
        path = DATA / "trades" / "NEXOUSDT-trades-2024-07-24.csv.gz"
        if not path.exists():
            pytest.skip(f"the recordings are not there: {path}")
        return (
            pl.read_csv(gzip.decompress(path.read_bytes()), has_header=False, infer_schema=False)
            .select(
                trade_id=pl.nth(0).cast(pl.Int64),
                ts_event=(pl.nth(4).cast(pl.Int64) * 1000).cast(TRADES.schema["ts_event"]),
                price=pl.nth(1).str.to_decimal(scale=8),
                quantity=pl.nth(2).str.to_decimal(scale=8),
                is_buyer_maker=pl.nth(5).str.to_lowercase() == "true",
                ts_recv=pl.lit(None),
                quoted_value=pl.lit(None),
                match_id=pl.lit(None),
            )
            .cast(TRADES.schema)
        )

    def btc(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Half an hour of real trades of 2024-01-01 and the exchange's klines of that day."""
        path = DATA / "trades" / "BTCUSDT-trades-2024-01-01T1200-1230.parquet"
        klines = DATA / "klines_1m" / "BTCUSDT-1m-2024-01-01.csv.gz"
        if not path.exists() or not klines.exists():
            pytest.skip(f"the recordings are not there: {path}")
        columns: tuple[str, ...] = (
            "open",
            "high",
            "low",
            "close",
            "volume",
            "_",
            "quote_volume",
            "trade_count",
        )
        columns += ("taker_buy_volume", "taker_buy_quote_volume")
        text = pl.read_csv(
            gzip.decompress(klines.read_bytes()), has_header=False, infer_schema=False
        )
        published = text.select(
            pl.lit("1m").alias("interval"),
            (pl.nth(0).cast(pl.Int64) * 1000).cast(KLINES.schema["ts_open"]).alias("ts_open"),
            *(
                pl.nth(at).cast(pl.Int64).alias(name)
                if name == "trade_count"
                else pl.nth(at).str.to_decimal(scale=8).alias(name)
                for at, name in enumerate(columns, start=1)
                if name != "_"
            ),
        )
        trades = pl.read_parquet(path).select(
            pl.col("trade_id").cast(pl.Int64),
            ts_event=pl.col("datetime"),
            # The recording holds the shortest floats, whose text is the exact decimal.
            price=pl.col("price").cast(pl.String).str.to_decimal(scale=8),
            quantity=pl.col("quantity").cast(pl.String).str.to_decimal(scale=8),
            is_buyer_maker=pl.col("is_buyer_maker") == 1,
            ts_recv=pl.lit(None),
            quoted_value=pl.lit(None),
            match_id=pl.lit(None),
        )
        return trades.cast(TRADES.schema), published.cast(KLINES.schema)


def _is_one_order(last: dict[str, object], row: dict[str, object]) -> bool:
    """Whether a trade goes on with the order of the one before."""
    return (
        row["trade_id"] == int(str(last["trade_id"])) + 1
        and (row["price"], row["is_buyer_maker"]) == (last["price"], last["is_buyer_maker"])
        and int(str(row["ts_event"])) // 1_000 == int(str(last["ts_event"])) // 1_000
    )


@functools.lru_cache(maxsize=64)
def _bars(trades: tuple[tuple[object, ...], ...], interval: Interval, start: int) -> pl.DataFrame:
    """The bars of a day; cached, because most tests are about the same few trades."""
    rows: dict[int, list[dict[str, object]]] = {}
    schema: dict[str, pl.DataType | type[pl.DataType]] = {**TRADES.schema, "ts_event": pl.Int64}
    frame = pl.DataFrame(trades, schema=schema, orient="row")
    length = interval.microseconds
    for row in frame.to_dicts():
        at = row["ts_event"] - (row["ts_event"] - start) % length
        rows.setdefault(at, []).append(row)
    some = pl.DataFrame(
        [_bar(at, found) for at, found in rows.items()],
        schema={**BARS.schema, "ts_open": pl.Int64},
        orient="row",
    )
    close = pl.col("close").forward_fill()
    opens = pl.int_range(start, start + DAY_US, length, dtype=pl.Int64, eager=True)
    return (
        pl.DataFrame({"ts_open": opens})
        .join(some, on="ts_open", how="left", maintain_order="left")
        .with_columns(
            *(pl.coalesce(price, close).alias(price) for price in PRICES),
            *(pl.col(amount).fill_null(0) for amount in AMOUNTS),
            is_complete=pl.lit(value=True),
        )
        .select(BARS.schema.names())
        .cast(BARS.schema)
    )


def _bar(at: int, rows: list[dict[str, object]]) -> dict[str, object]:
    """One bar by the exchange's rules, in Python's decimals."""
    prices = [Decimal(str(row["price"])) for row in rows]
    values = [
        (price * Decimal(str(row["quantity"]))).quantize(EIGHT, ROUND_HALF_UP)
        for price, row in zip(prices, rows, strict=True)
    ]
    quantities = [Decimal(str(row["quantity"])) for row in rows]
    bought = [not row["is_buyer_maker"] for row in rows]
    volume, value = sum(quantities, Decimal(0)), sum(values, Decimal(0))
    return {
        "ts_open": at,
        "open": prices[0],
        "high": max(prices),
        "low": min(prices),
        "close": prices[-1],
        "volume": volume,
        "quote_volume": value,
        "trade_count": len(rows),
        "taker_buy_volume": sum(
            (of for of, is_bought in zip(quantities, bought, strict=True) if is_bought), Decimal(0)
        ),
        "taker_buy_quote_volume": sum(
            (of for of, is_bought in zip(values, bought, strict=True) if is_bought), Decimal(0)
        ),
        "vwap": (value / volume).quantize(EIGHT, ROUND_HALF_UP),
        "first_trade_id": rows[0]["trade_id"],
        "last_trade_id": rows[-1]["trade_id"],
    }


@pytest.fixture(scope="session")
def make() -> Make:
    """Build what a test needs."""
    return Make()
