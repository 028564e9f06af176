"""``python -m crypto_assets.cli``: the same as ``crypto-assets``."""

from __future__ import annotations

from crypto_assets.cli import main

main()
