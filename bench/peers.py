"""The environments of other projects: never this project's own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

PINNED = Path(__file__).resolve().with_name("peers.txt")
"""What recorders of other projects run on."""


def interpreter(pinned: Path = PINNED) -> Path:
    """Give the interpreter of the environment beside a file of pins; made anew if not as pinned."""
    environment = pinned.parent / ".venv"
    python = environment / "bin" / "python"
    ready = environment / ".ready"
    wanted = hashlib.sha256(pinned.read_bytes()).hexdigest()
    if not (ready.exists() and ready.read_text() == wanted):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(pinned)], check=True)
        ready.write_text(wanted)
    return python
