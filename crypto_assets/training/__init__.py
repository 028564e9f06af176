"""Sealed days as shuffled, resumable batches to train models on, split by time.

::

    from crypto_assets.training import Rows, Span, plan, split, windows
    from crypto_assets.training.dataset import Loader   # needs crypto-assets[training]

:func:`plan` and :class:`Rows` give every row of the sealed files, :func:`windows` what was known
beside what came after. Both give plain arrays; ``training.dataset`` makes tensors of them.
"""

from __future__ import annotations

from crypto_assets.model.instrument import Instrument
from crypto_assets.model.interval import Interval
from crypto_assets.model.span import Span
from crypto_assets.training.order import Consumer
from crypto_assets.training.plan import Plan, plan
from crypto_assets.training.position import Position
from crypto_assets.training.rows import Rows
from crypto_assets.training.split import split
from crypto_assets.training.windows import Windows, windows

__all__ = [
    "Consumer",
    "Instrument",
    "Interval",
    "Plan",
    "Position",
    "Rows",
    "Span",
    "Windows",
    "plan",
    "split",
    "windows",
]
