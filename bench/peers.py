"""The environment of the recorders of other projects: never this project's own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
PINNED = _HERE / "peers.txt"
ENVIRONMENT = _HERE / ".venv"


def interpreter() -> Path:
    """Give its interpreter; makes the environment anew where it is not as pinned."""
    python = ENVIRONMENT / "bin" / "python"
    ready = ENVIRONMENT / ".ready"
    wanted = hashlib.sha256(PINNED.read_bytes()).hexdigest()
    if not (ready.exists() and ready.read_text() == wanted):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", str(PINNED)], check=True)
        ready.write_text(wanted)
    return python
