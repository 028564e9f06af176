"""A made-up day of a Bybit contract, written the ways the exchange writes one."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from crypto_assets.lake.segments import line
from crypto_assets.model.interval import DAY_US, Interval
from crypto_assets.model.partition import Partition

DAY = Partition.of("bybit", "BTCUSDT", "2024-01-02")
HEADER = (
    "timestamp,symbol,side,size,price,tickDirection,trdMatchID,"
    "grossValue,homeNotional,foreignNotional"
)
_NAMES = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Match:
    """One trade; times in microseconds since 1970."""

    us: int
    price: Decimal
    quantity: Decimal
    sold: bool
    name: str


def a_day(count: int = 1_500, seed: int = 1) -> list[Match]:
    """Make trades of a day in the order they were matched, some of one millisecond."""
    chance = random.Random(seed)
    found: list[Match] = []
    us, price = DAY.start_us + 250_000, 42_000_00
    for number in range(count):
        if number % 4 == 0:
            us += chance.randrange(1_000, 2 * 4 * DAY_US // count, 100)
        else:
            us += chance.choice((0, 100, 200))
        price += chance.randint(-3, 3)
        found.append(
            Match(
                us=us,
                price=Decimal(price) / 100,
                quantity=Decimal(chance.randint(1, 900)) / 1000,
                sold=chance.random() < 0.5,
                name=str(uuid.uuid5(_NAMES, str(number))),
            ),
        )
    return [one for one in found if one.us < DAY.end_us]


def frame(trades: Sequence[Match], symbol: str = "BTCUSDT") -> dict[str, object]:
    """A frame of the stream: what one order matched."""
    return {
        "topic": f"publicTrade.{symbol}",
        "type": "snapshot",
        "ts": trades[-1].us // 1_000 + 1,
        "data": [
            {
                "T": one.us // 1_000,
                "s": symbol,
                "S": "Sell" if one.sold else "Buy",
                "v": str(one.quantity),
                "p": str(one.price),
                "L": "PlusTick",
                "i": one.name,
                "BT": False,
                "RPI": False,
                "seq": 1,
            }
            for one in trades
        ],
    }


def capture(path: Path, trades: Iterable[Match]) -> Path:
    """Write a recording, frames of up to three trades."""
    rows, lines = list(trades), []
    for at in range(0, len(rows), 3):
        of_one = rows[at : at + 3]
        text = json.dumps(frame(of_one), separators=(",", ":")).encode()
        lines.append(line(of_one[-1].us * 1_000 + 2_000_000, text))
    path.write_bytes(b"".join(lines))
    return path


def archive(directory: Path, trades: Iterable[Match]) -> Path:
    """Write the exchange's file of the day."""
    path = directory / f"BTCUSDT{DAY.date.isoformat()}.csv"
    rows = [HEADER]
    for one in trades:
        at = f"{one.us // 1_000_000}.{one.us % 1_000_000 // 100:04}".rstrip("0").rstrip(".")
        side, value = "Sell" if one.sold else "Buy", one.price * one.quantity
        rows.append(
            f"{at},BTCUSDT,{side},{one.quantity},{one.price},ZeroMinusTick,{one.name},"
            f"{float(value * 10**8):.7e},{one.quantity},{value}",
        )
    path.write_text("\n".join(rows) + "\n")
    return path


def kline_rows(trades: Iterable[Match], interval: Interval = Interval.MINUTE) -> list[list[str]]:
    """Add trades up as the exchange does: bars open at the close before, newest first."""
    step, rows = interval.microseconds, list(trades)
    close = rows[0].price
    found: list[list[str]] = []
    for start in range(DAY.start_us, DAY.end_us, step):
        mine = []
        while rows and rows[0].us < start + step:
            mine.append(rows.pop(0))
        prices = [close, *(one.price for one in mine)]
        volume = sum((one.quantity for one in mine), Decimal(0))
        turnover = sum((one.quantity * one.price for one in mine), Decimal(0))
        shape = (prices[0], max(prices), min(prices), prices[-1], volume, turnover)
        found.append([str(start // 1_000), *(f"{value.normalize():f}" for value in shape)])
        close = prices[-1]
    return found[::-1]


def klines(directory: Path, rows: Sequence[list[str]], interval: str = "1m") -> Path:
    """Write what the exchange answers for a day: two answers, one a line."""
    path = directory / f"BTCUSDT-{interval}-{DAY.date.isoformat()}.json"
    answers = [
        {
            "retCode": 0,
            "retMsg": "OK",
            "result": {"category": "linear", "symbol": "BTCUSDT", "list": part},
            "time": 1,
        }
        for part in (rows[:1_000], rows[1_000:])
    ]
    path.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    return path
