"""Crypto market data as Dagster assets, each day proven complete by its trade ids."""

from __future__ import annotations

__version__ = "0.1.0"
