"""A recording, JSON a line, to trades."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.given import CAPTURE
from crypto_assets.lake.blocks import Block, blocks
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.ingest import take
from crypto_assets.venues import venue


def ours(data: Path, scratch: Path) -> Callable[[], int]:
    """Take the recording into an empty lake."""
    lake = Lake(scratch / "lake")
    venue("binance")
    return lambda: sum(part.manifest.rows for part in take(lake, data / CAPTURE).parts)


def decode(data: Path, _: Path) -> Callable[[], int]:
    """Decode the recording to frames of exact decimals."""
    decode_frames = venue("binance").decode_frames

    def call() -> int:
        rows = 0
        for block in blocks(data / CAPTURE):
            assert isinstance(block, Block)
            rows += decode_frames(block.data, block.first_line, last=False).trades.height
        return rows

    return call


def reference(data: Path, _: Path) -> Callable[[], int]:
    """Parse as data lakes in plain Python do: a line, its JSON, a dict a row, a frame of them."""

    def call() -> int:
        rows = []
        with (data / CAPTURE).open() as lines:
            for line in lines:
                received, text = line.split(" ", 1)
                message = json.loads(text)
                trade = message["data"]
                if trade["e"] != "trade":
                    continue
                rows.append(
                    {
                        "symbol": trade["s"],
                        "trade_id": trade["t"],
                        "ts_event": trade["T"] / 1000,
                        "price": float(trade["p"]),
                        "quantity": float(trade["q"]),
                        "side": "sell" if trade["m"] else "buy",
                        "ts_recv": int(received) / 1_000_000_000,
                    },
                )
        return pl.DataFrame(rows).height

    return call
