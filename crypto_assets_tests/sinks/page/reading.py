"""What a page is, read without a browser: its text, its scripts, what it would load, its data."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

_LOADS = {"src", "href", "srcset", "data", "poster", "action", "background", "xlink:href"}


@dataclass
class Page:
    """A page as a parser sees it."""

    text: str = ""
    tags: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    handlers: list[str] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)
    policy: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.page = Page()
        self._within: str | None = None
        self._id: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.page.tags.append(tag)
        self.page.loads += [str(found[name]) for name in found if name in _LOADS]
        self.page.handlers += [name for name in found if name.startswith("on")]
        if found.get("http-equiv") == "Content-Security-Policy":
            self.page.policy = str(found["content"])
        if tag in ("script", "style"):
            self._within, self._id = tag, found.get("id")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._within:
            self._within = self._id = None

    def handle_data(self, data: str) -> None:
        if self._within == "style":
            self.page.styles.append(data)
        elif self._within == "script" and self._id is not None:
            self.page.data[self._id] = json.loads(data)
        elif self._within == "script":
            self.page.scripts.append(data)
        else:
            self.page.text += data + " "


def read(text: str) -> Page:
    """Parse a page."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.page


Rows = list[dict[str, int | None]]


def unpacked(grid: dict[str, Any]) -> tuple[dict[str, list[int]], dict[str, int]]:
    """Read the columns of a grid as plain whole numbers, with their decimal places."""
    data = zlib.decompress(base64.b64decode(grid["packed"]), wbits=-15)
    rows, at = grid["rows"], 0
    columns: dict[str, list[int]] = {}
    for column in grid["columns"]:
        planes = [data[at + n * rows : at + (n + 1) * rows] for n in range(column["planes"])]
        at += rows * column["planes"]
        values = [
            int.from_bytes(bytes(plane[row] for plane in planes), "little") for row in range(rows)
        ]
        if column["is_signed"]:
            values = [value // 2 if value % 2 == 0 else -(value + 1) // 2 for value in values]
        columns[column["name"]] = values
    assert at == len(data)
    return columns, {column["name"]: column["places"] for column in grid["columns"]}


def bars_of(grid: dict[str, Any]) -> list[dict[str, Any]]:
    """Read a grid back as bars of exact decimals in units of 10^-8, as its description says."""
    columns, places = unpacked(grid)
    price, last, found = 10 ** (8 - places["open"]), 0, []
    for row in range(grid["rows"]):
        open_ = last + columns["open"][row]
        close = open_ + columns["close"][row]
        last = close
        bar: dict[str, Any] = {
            "open": open_ * price,
            "high": (max(open_, close) + columns["high"][row]) * price,
            "low": (min(open_, close) - columns["low"][row]) * price,
            "close": close * price,
            "is_complete": bool(columns["is_complete"][row]),
        }
        if not columns["has_price"][row]:
            bar.update(dict.fromkeys(("open", "high", "low", "close")))
        if "bought" in columns:
            unit = 10 ** (8 - places["bought"])
            bar["taker_buy_volume"] = columns["bought"][row] * unit
            bar["volume"] = (columns["bought"][row] + columns["sold"][row]) * unit
        else:
            bar["volume"] = columns["volume"][row] * 10 ** (8 - places["volume"])
        if "trade_count" in columns:
            bar["trade_count"] = columns["trade_count"][row]
        if "has_quote" in columns:
            bid = close + columns["bid"][row]
            ask = bid + columns["ask"][row]
            is_there = columns["has_quote"][row]
            bar["bid"] = bid * price if is_there else None
            bar["ask"] = ask * price if is_there else None
        found.append(bar)
    return found
