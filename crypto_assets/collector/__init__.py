"""The process that records: bytes and the instant they came, nothing interpreted."""

from __future__ import annotations

from crypto_assets.collector.collect import checked, run
from crypto_assets.collector.health import Health, status
from crypto_assets.collector.options import Exit, Options, options_of

__all__ = ["Exit", "Health", "Options", "checked", "options_of", "run", "status"]
