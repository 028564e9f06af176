"""The example queries: SQL files that come with the package, each with what it answers on top."""

from __future__ import annotations

from importlib.resources import files

from crypto_assets.errors import InvalidName

_DIRECTORY = files("crypto_assets") / "sql"
_SUFFIX = ".sql"


def names() -> list[str]:
    """Name every example, in order."""
    found = (one.name for one in _DIRECTORY.iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in found if name.endswith(_SUFFIX))


def example(name: str) -> str:
    """Read an example.

    Raises:
        InvalidName: there is none of this name.
    """
    if name not in names():
        raise InvalidName(f"example {name!r}: expected one of {', '.join(names())}")
    return (_DIRECTORY / f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def answers(sql: str) -> str:
    """Say what a query answers: the comment it begins with, on one line."""
    lines = []
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return " ".join(lines)
