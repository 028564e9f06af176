"""A range of trade ids that was found missing, why, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from crypto_assets.model.coverage import Range

_PAUSE_US = 60 * 1_000_000
_DOUBLINGS = 10


class GapState(StrEnum):
    """What is known of missing ids by now."""

    OPEN = "open"
    """They are missing."""
    HEALED = "healed"
    """They are here."""
    UNHEALABLE = "unhealable"
    """They are missing, and the exchange gives those around them without them."""

    @property
    def is_missing(self) -> bool:
        """Whether the ids are missing now."""
        return self is not GapState.HEALED


class Cause(StrEnum):
    """Why ids are missing, as far as the recordings tell."""

    NOT_LISTENING = "not_listening"
    """No connection was open, or none was delivering, between the trades around them."""
    NOT_DELIVERED = "not_delivered"
    """Connections were open all the time, and the exchange did not send them."""
    UNREADABLE = "unreadable"
    """Connections were open, and lines of that time could not be read."""
    NOT_PUBLISHED = "not_published"
    """There is no recording, and the exchange's own file lacks them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Consecutive ids with one history; times are microseconds since 1970 UTC."""

    ids: Range
    """First and last, both inside."""
    state: GapState
    cause: Cause
    before_us: int
    """When the trade before was matched, or the day begins where none is known."""
    after_us: int
    """When the trade after was matched, or the day ends where none is known."""
    found_us: int
    """When they were first found missing."""
    tried_us: int | None = None
    """When they were last asked for."""
    closed_us: int | None = None
    """When they were found to be here, or denied."""
    tries: int = 0
    source: str | None = None
    """Where they came from in the end, such as ``rest``."""
    evidence: Mapping[str, object] = field(default_factory=dict)
    """Plain JSON values."""

    def is_due(self, now_us: int) -> bool:
        """Whether the ids are to be asked for: missing, not denied, and not just tried in vain."""
        if self.tried_us is None:
            return self.state is GapState.OPEN
        pause = _PAUSE_US << min(self.tries - 1, _DOUBLINGS)
        return self.state is GapState.OPEN and now_us >= self.tried_us + pause

    @property
    def count(self) -> int:
        """How many ids."""
        return self.ids[1] - self.ids[0] + 1
