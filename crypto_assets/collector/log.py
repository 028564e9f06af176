"""The collector's log: one line of ``key=value`` an event, on stderr and in a daily file."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

_LOGGER = logging.getLogger("crypto_assets.collector")
_WARNINGS = frozenset({"failed", "lost", "silent", "paused", "disk", "refused", "recovered"})
_MOST = 400


def say(event: str, fields: Mapping[str, Any]) -> None:
    """Log one event; values are JSON where they are more than a word, long ones are cut."""
    told = " ".join(f"{key}={_value(value)}" for key, value in fields.items())
    level = logging.WARNING if event in _WARNINGS else logging.INFO
    _LOGGER.log(level, "event=%s %s", event, told)


def _value(value: Any) -> str:
    if isinstance(value, str) and value and not any(c.isspace() or c in '="' for c in value):
        text = value
    else:
        text = msgspec.json.encode(value).decode()
    return text if len(text) <= _MOST else f"{text[:_MOST]}..."


def start(directory: Path, session: str, days: int) -> list[logging.Handler]:
    """Begin to log to stderr and to ``collector-<session>.log``; give what :func:`stop` ends.

    A new file begins each UTC midnight. Files of any session that are older than ``days`` go.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("collector-*.log*"):
        if old.stat().st_mtime < time.time() - days * 86_400:
            old.unlink(missing_ok=True)
    file = logging.handlers.TimedRotatingFileHandler(
        directory / f"collector-{session}.log",
        when="midnight",
        utc=True,
        backupCount=days,
        encoding="utf-8",
    )
    form = logging.Formatter("time=%(asctime)s.%(msecs)03dZ level=%(levelname)s %(message)s")
    form.converter = time.gmtime
    form.datefmt = "%Y-%m-%dT%H:%M:%S"
    handlers: list[logging.Handler] = [file, logging.StreamHandler()]
    for handler in handlers:
        handler.setFormatter(form)
        _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    _LOGGER.propagate = False
    return handlers


def stop(handlers: list[logging.Handler]) -> None:
    """End the logging that :func:`start` began."""
    for handler in handlers:
        _LOGGER.removeHandler(handler)
        # On a full disk the log's last lines are on stderr alone.
        with contextlib.suppress(OSError):
            handler.close()
