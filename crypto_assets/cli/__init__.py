"""The command line: ``crypto-assets ...``; every command says what it does with ``--help``."""

from __future__ import annotations

import sys

from rich.markup import escape

from crypto_assets.cli.app import app
from crypto_assets.cli.screen import errors
from crypto_assets.errors import CryptoAssetsError


def main() -> None:
    """Run the command line; an error raised on purpose, or by the disk, is one line and exit 1."""
    try:
        app()
    except (CryptoAssetsError, OSError) as error:
        errors.print(f"[bold red]error[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        sys.exit(1)
