"""The demo: a real day of the exchange, proven whole; then damaged, and healed."""

from __future__ import annotations

from crypto_assets.demo.story import run

__all__ = ["run"]
