"""Values as exchanges and captures write them: lines, times by magnitude, exact decimals."""

from __future__ import annotations

import re

DECIMALS = 8
UNIT = 10**8
"""Prices and quantities are counted in units of 1e-8."""
PRICE_DIGITS = 10
"""Digits before the point that a ``Decimal(18, 8)`` holds."""
QUANTITY_DIGITS = 20
"""Digits before the point that a ``Decimal(28, 8)`` holds."""

_LINE = re.compile(rb"\s*([1-9]\d{15}|[1-9]\d{18})\s+(\S.*)", re.DOTALL)
_DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]+))?")


def split_line(line: bytes) -> tuple[int, bytes] | None:
    """Split a capture's line into receive time in microseconds and message.

    The local time has 16 digits in microseconds or 19 in nanoseconds; None for any other.
    """
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    return int(found[1][:16]), found[2]


def time_us(number: int) -> tuple[int, str] | None:
    """Read a time by its magnitude: 13 digits are milliseconds, 16 microseconds; else None."""
    if 10**12 <= number < 10**13:
        return number * 1000, "ms"
    if 10**15 <= number < 10**16:
        return number, "us"
    return None


def decimal(text: str, name: str, whole_digits: int, *, zero: bool = False) -> int:
    """Read a decimal of the wire, ``digits[.digits]``, in units of 1e-8 without rounding.

    Raises:
        ValueError: it is something else (a sign, an exponent, a blank), has more than 8 decimals
            or ``whole_digits`` digits before the point, or is zero where that is not allowed.

    """
    found = _DECIMAL.fullmatch(text)
    if found is None:
        raise ValueError(f"{name} is not a decimal: {text[:40]!r}")
    above, below = found[1], found[2] or ""
    if len(below) > DECIMALS:
        raise ValueError(f"{name} with more than 8 decimals: {text[:40]!r}")
    if len(above) > whole_digits:
        raise ValueError(f"{name} out of range: {text[:40]!r}")
    value = int(above) * UNIT + int(below.ljust(DECIMALS, "0"))
    if value == 0 and not zero:
        raise ValueError(f"{name} is zero")
    return value
