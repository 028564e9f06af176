"""The name of a stream, in words every part of this package may know."""

from __future__ import annotations

import re

from crypto_assets.errors import InvalidName

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


def stream_name(name: str) -> str:
    """Hold the name of a stream against what may reach a broker, a subject and a path.

    Raises:
        InvalidName: it is none.
    """
    if not _NAME.fullmatch(name):
        raise InvalidName(f"stream {name!r}: expected up to 32 of a-z, 0-9 and _, such as trades")
    return name
