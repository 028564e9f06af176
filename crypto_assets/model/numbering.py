"""How a venue names its trades, and so what their ids can prove."""

from __future__ import annotations

from enum import StrEnum


class Numbering(StrEnum):
    """How a venue names its trades."""

    SEQUENCE = "sequence"
    """One number after the other: a missing trade leaves a hole."""
    OPAQUE = "opaque"
    """Names without an order, such as UUIDs: no id tells that another one is missing.

    ``trade_id`` is then made of the time and a few bits of the name, so that files lie in order
    of time; the name itself is ``match_id``, and the two together tell trades apart.
    """

    @property
    def resolution_us(self) -> int:
        """Down to which time, in microseconds, ids are in the order the trades were matched."""
        return 1_000 if self is Numbering.OPAQUE else 1
