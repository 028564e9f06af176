"""Frames made once for all connections, some hundred rows ahead of what is due."""

from __future__ import annotations

from crypto_assets.exchange import wire
from crypto_assets.exchange.tape import Tape

ROWS = 512
_KEPT = 2

_Variant = tuple[str, str, str, bool]


class Encoder:
    """The frames of trades, aggregate trades and quotes, by symbol, time unit and wrapping.

    Of each variant the last two pieces of 512 rows are kept: making a column of frames costs about
    as much as making one.
    """

    def __init__(self) -> None:
        self._pieces: dict[_Variant, dict[int, list[bytes]]] = {}

    def frames(
        self,
        tape: Tape,
        kind: str,
        rows: range,
        *,
        combined: bool,
        unit: str,
    ) -> list[bytes]:
        """Give the frames of rows that follow each other."""
        found: list[bytes] = []
        at = rows.start
        while at < rows.stop:
            number, inside = divmod(at, ROWS)
            piece = self._piece(tape, (tape.symbol.name, kind, unit, combined), number)
            found += piece[inside : inside + rows.stop - at]
            at = (number + 1) * ROWS
        return found

    def forget(self, symbol: str) -> None:
        """Drop what was made of a tape that is no more."""
        for variant in [variant for variant in self._pieces if variant[0] == symbol]:
            del self._pieces[variant]

    def _piece(self, tape: Tape, variant: _Variant, number: int) -> list[bytes]:
        pieces = self._pieces.setdefault(variant, {})
        if number not in pieces:
            pieces[number] = _made(tape, variant, number * ROWS)
            if len(pieces) > _KEPT:
                del pieces[next(iter(pieces))]
        return pieces[number]


def _made(tape: Tape, variant: _Variant, start: int) -> list[bytes]:
    name, kind, unit, combined = variant
    match kind:
        case "trade":
            texts = wire.trade_payloads(tape.trades.slice(start, ROWS), name, unit)
        case "aggTrade":
            texts = wire.aggregate_payloads(tape.aggregates.slice(start, ROWS), name, unit)
        case _:
            texts = wire.quote_payloads(tape.quotes.slice(start, ROWS), name)
    return wire.frames(texts, f"{name.lower()}@{kind}" if combined else None)
