"""Start bqemulator without its GEOGRAPHY functions, which it would download an extension for.

Run by the interpreter of ``.venv-emulators``, with the arguments of ``bqemulator``.
"""

from __future__ import annotations

from bqemulator.cli import main
from bqemulator.storage.engine import DuckDBEngine


def without(_engine: DuckDBEngine) -> None:
    """Load nothing: no table here has a GEOGRAPHY."""


DuckDBEngine._load_spatial = without
main()
