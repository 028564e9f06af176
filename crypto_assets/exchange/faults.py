"""Every way to misbehave, each one named switch, and what they make of the trades to be sent.

Nothing here touches a socket, a clock or the market itself: what a fault leaves out of the streams
is still in REST and in the archive.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from crypto_assets.errors import InvalidSettings
from crypto_assets.exchange.tape import Ints

GARBAGE = (
    b'{"stream":"',
    b"<html><body>502 Bad Gateway</body></html>",
    b'{"e":"trade","E":1,"s":"',
    b'{"e":"neverHeardOf","E":1735689600000}',
    b"[1,2,3]",
    b"\xef\xbf\xbd\xef\xbf\xbd",
)
"""Messages that are no market data: torn, of another server, unknown, of another shape."""

Ranges = list[tuple[int, int]]


class Faults(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The switches, all off. Ranges of ids have both ends inside; times are seconds of the wall.

    ``hang_up``, ``server_shutdown_s`` and ``silence_s`` happen once when they are set and go back
    to off; ``duplicate``, ``reorder``, ``drop``, ``garbage`` and what ends in ``_times`` or
    ``_after`` count down. The entries of what names files of the archive are told in :mod:`flaws`.
    """

    hang_up: str | None = None
    """Cut every connection now: ``abort`` without a word, ``close`` with a close frame."""
    hang_up_every_s: float | None = None
    """Abort every connection every so often."""
    server_shutdown_s: float | None = None
    """Announce ``serverShutdown``, and close every connection so much later."""
    silence_s: float | None = None
    """Stay connected and send nothing, no ping either, for so long; it is never sent."""
    duplicate: int = 0
    """Send each of the next trades twice."""
    reorder: int = 0
    """Exchange each of the next trades with the one behind it: 2, 1, 4, 3 ..."""
    drop: int = 0
    """Leave out the next trades."""
    drop_ids: dict[str, Ranges] = {}
    """Leave out trades by symbol and id."""
    garbage: int = 0
    """Send a message that is none in front of each of the next trades."""
    slow_answer_s: float = 0.0
    """Answer REST and archive so much later."""
    refuse: int | None = None
    """Answer 429, 418 or another status: REST only, but 451 and 5xx archive and streams too."""
    refuse_times: int | None = None
    """How many requests; None for all until it is switched off."""
    refuse_after: int = 0
    """How many requests that it would refuse are answered first."""
    retry_after_s: int = 1
    """The ``Retry-After`` of a refusal with 418 or 429."""
    rest_lag_ids: int = 0
    """Keep the newest trades of every symbol out of REST."""
    rest_lag_s: float = 0.0
    """Show REST the market as it was so long ago, in market time."""
    kline_page: int = 0
    """Answer with at most so many klines, whatever was asked for; 0 for the limit asked for."""
    klines_from_end: bool = False
    """Where klines of a span are more than an answer holds, give its last ones."""
    prices_missing: tuple[str, ...] = ()
    """Coins that CoinGecko does not know: left out of answers, 404 where asked for alone."""
    prices_null: tuple[str, ...] = ()
    """Coins whose price is null."""
    prices_html: bool = False
    """Answer with a page instead of prices, and 200."""
    unserved: tuple[str, ...] = ()
    """Endpoints REST does not have, such as ``historicalTrades`` on a market-data-only host."""
    halted: tuple[str, ...] = ()
    """Symbols in HALT: quotes and empty klines, no trades; what was due comes later."""
    in_break: tuple[str, ...] = ()
    """Symbols in BREAK: nothing at all, no klines either."""
    delisted: tuple[str, ...] = ()
    """Symbols that are gone from REST and the streams; the archive keeps their files."""
    archive_late_s: float = 0.0
    """Publish the files of a day or month so long after it ends, in market time."""
    archive_unpublished: tuple[str, ...] = ()
    """Files that are not there: neither to be had nor listed."""
    archive_truncated: tuple[str, ...] = ()
    """Files that hold the first third of their rows, in a sound zip with a right checksum."""
    archive_missing: dict[str, Ranges] = {}
    """Trades that files of trades and aggregates lack."""
    archive_altered: dict[str, Ranges] = {}
    """Trades whose quantity is twice what it was, in files of trades."""
    archive_added: dict[str, Ranges] = {}
    """Rows too many in files of trades: under each id a copy of the trade before it there."""
    wrong_checksums: tuple[str, ...] = ()
    """Files whose ``.CHECKSUM`` is wrong."""
    republished: tuple[str, ...] = ()
    """Files that were published once more: flawless, other bytes, a later date, a checksum."""
    refuse_archive: int | None = None
    """Answer 429, 418 or another status, on the archive's host only."""
    refuse_archive_times: int | None = None
    """How many requests; None for all until it is switched off."""
    refuse_archive_after: int = 0
    """How many requests of the archive are answered first."""
    archive_cut_bytes: int | None = None
    """Abort the connection of a download when so much of its body was sent and more is to come."""
    archive_cut_times: int | None = None
    """How many downloads; None for all until it is switched off."""
    archive_bytes_per_s: float | None = None
    """Send each download that begins no faster than so."""


_STATUSES = (418, 429, 451, 403, 500, 502, 503, 504)
_SERVER_ERROR, _GEOGRAPHY = 500, 451


def changed(faults: Faults, switches: Mapping[str, object]) -> Faults:
    """Give the faults with some switches set.

    Raises:
        InvalidSettings: there is no such switch, or it cannot be set so.

    """
    try:
        found = msgspec.convert({**msgspec.to_builtins(faults), **switches}, Faults)
    except msgspec.ValidationError as error:
        raise InvalidSettings(f"expected switches of faults, found {error}") from error
    if found.hang_up not in (None, "abort", "close"):
        raise InvalidSettings(f"hang_up: expected abort or close, found {found.hang_up!r}")
    for name in ("refuse", "refuse_archive"):
        status = getattr(found, name)
        if status is not None and status not in _STATUSES:
            raise InvalidSettings(f"{name}: expected one of {_STATUSES}, found {status}")
    if found.archive_cut_bytes is not None and found.archive_cut_bytes < 0:
        raise InvalidSettings(f"archive_cut_bytes: expected >= 0, found {found.archive_cut_bytes}")
    if found.archive_bytes_per_s is not None and found.archive_bytes_per_s <= 0:
        raise InvalidSettings(
            f"archive_bytes_per_s: expected more than 0, found {found.archive_bytes_per_s}",
        )
    return found


def refusal(faults: Faults, *, is_rest: bool) -> int | None:
    """Say the status a request is refused with, if it is, and count it."""
    status = faults.refuse
    everywhere = status is not None and (status >= _SERVER_ERROR or status == _GEOGRAPHY)
    if status is None or not (is_rest or everywhere):
        return None
    if faults.refuse_after > 0:
        faults.refuse_after -= 1
        return None
    if faults.refuse_times is not None:
        faults.refuse_times -= 1
        if faults.refuse_times <= 0:
            faults.refuse, faults.refuse_times = None, None
    return status


def archive_refusal(faults: Faults) -> int | None:
    """Say the status the archive refuses a request with, if it does, and count it."""
    status = refusal(faults, is_rest=False)
    if status is not None or faults.refuse_archive is None:
        return status
    if faults.refuse_archive_after > 0:
        faults.refuse_archive_after -= 1
        return None
    status = faults.refuse_archive
    if faults.refuse_archive_times is not None:
        faults.refuse_archive_times -= 1
        if faults.refuse_archive_times <= 0:
            faults.refuse_archive, faults.refuse_archive_times = None, None
    return status


def cut(faults: Faults, size: int) -> int | None:
    """Say after how many bytes a body of some size is cut, if it is, and count it."""
    most = faults.archive_cut_bytes
    if most is None or most >= size:
        return None
    if faults.archive_cut_times is not None:
        faults.archive_cut_times -= 1
        if faults.archive_cut_times <= 0:
            faults.archive_cut_bytes, faults.archive_cut_times = None, None
    return most


class Disturbance:
    """What becomes of one symbol's trades on their way out."""

    def __init__(self) -> None:
        self.dropped: Ranges = []
        """Ids left out, as they were."""
        self._held: int | None = None
        self._garbage = 0

    def is_idle(self, faults: Faults, symbol: str) -> bool:
        """Whether trades go out as they are."""
        busy = faults.duplicate or faults.reorder or faults.drop or faults.garbage
        return not busy and self._held is None and not faults.drop_ids.get(symbol)

    def arrange(self, faults: Faults, symbol: str, rows: range, ids: Ints) -> list[int]:
        """Say in which order rows of the tape are sent; ``ids`` are those of all its rows.

        A number below zero, ``-1 - k``, is the message ``GARBAGE[k]``. Counts down the switches.
        """
        out: list[int] = []
        unwanted = faults.drop_ids.get(symbol, [])
        for row in rows:
            trade_id = int(ids[row])
            named = any(first <= trade_id <= last for first, last in unwanted)
            if named or faults.drop:
                faults.drop -= 0 if named else 1
                self.lose(trade_id, trade_id)
                continue
            if faults.garbage:
                faults.garbage -= 1
                out.append(-1 - self._garbage % len(GARBAGE))
                self._garbage += 1
            if self._held is not None:
                out += [row, self._held]
                self._held = None
            elif faults.reorder:
                faults.reorder -= 1
                self._held = row
            else:
                out.append(row)
            if faults.duplicate and self._held is None:
                faults.duplicate -= 1
                out.append(row)
        return out

    def lose(self, first: int, last: int) -> None:
        """Note that ids were not sent."""
        if self.dropped and self.dropped[-1][1] == first - 1:
            self.dropped[-1] = (self.dropped[-1][0], last)
        else:
            self.dropped.append((first, last))
