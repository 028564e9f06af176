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
    to off; ``duplicate``, ``reorder``, ``drop``, ``garbage`` and ``refuse_times`` count down.
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
    retry_after_s: int = 1
    """The ``Retry-After`` of a refusal."""
    rest_lag_ids: int = 0
    """Keep the newest trades of every symbol out of REST."""
    rest_lag_s: float = 0.0
    """Show REST the market as it was so long ago, in market time."""
    kline_page: int = 0
    """Answer with at most so many klines, whatever was asked for; 0 for the limit asked for."""
    klines_from_end: bool = False
    """Where klines of a span are more than an answer holds, give its last ones."""
    unserved: tuple[str, ...] = ()
    """Endpoints REST does not have, such as ``historicalTrades`` on a market-data-only host."""
    halted: tuple[str, ...] = ()
    """Symbols in HALT: quotes and empty klines, no trades; what was due comes later."""
    in_break: tuple[str, ...] = ()
    """Symbols in BREAK: nothing at all, no klines either."""
    archive_late_s: float = 0.0
    """Publish a day's files so long after it ends, in market time."""
    archive_missing: dict[str, Ranges] = {}
    """Trades that the archive's trade and aggregate files lack until they are published anew."""
    wrong_checksums: tuple[str, ...] = ()
    """Symbols whose ``.CHECKSUM`` files are wrong."""
    republished: tuple[str, ...] = ()
    """Symbols whose files were published once more: complete, other bytes, a later date."""


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
    if found.refuse is not None and found.refuse not in _STATUSES:
        raise InvalidSettings(f"refuse: expected one of {_STATUSES}, found {found.refuse}")
    return found


def refusal(faults: Faults, *, is_rest: bool) -> int | None:
    """Say the status a request is refused with, if it is, and count it."""
    status = faults.refuse
    everywhere = status is not None and (status >= _SERVER_ERROR or status == _GEOGRAPHY)
    if status is None or not (is_rest or everywhere):
        return None
    if faults.refuse_times is not None:
        faults.refuse_times -= 1
        if faults.refuse_times <= 0:
            faults.refuse, faults.refuse_times = None, None
    return status


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
