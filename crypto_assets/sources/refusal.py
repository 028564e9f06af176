"""What an HTTP status other than success means for whoever asked."""

from __future__ import annotations

UNAVAILABLE_FOR_LEGAL_REASONS = 451
_WILL_NOT = frozenset({400, 401, 404, 405, 410, 414, UNAVAILABLE_FOR_LEGAL_REASONS})
LONGEST_BAN_S = 3 * 24 * 3600.0
"""The longest ban that is known: three days."""
TOO_MANY, BANNED = 429, 418


def will_not_serve(status: int) -> bool:
    """Whether asking again gives the same answer.

    Everything else may pass: 403 of its firewall, 418 and 429 with a time to wait, 5xx.
    """
    return status in _WILL_NOT


def retry_after(header: str | None) -> float:
    """Read ``Retry-After`` in seconds, 0 where there is none, at most the longest known ban."""
    text = (header or "").strip()
    return min(float(text), LONGEST_BAN_S) if text.isascii() and text.isdigit() else 0.0
