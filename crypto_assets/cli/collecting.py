"""What ``collect`` is asked for: of the settings, of the command line, or to show what there is."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from crypto_assets import collector
from crypto_assets.cli import screen
from crypto_assets.collector import Exit, Health, Options, names
from crypto_assets.collector.detach import detach
from crypto_assets.collector.keeper import Patience
from crypto_assets.errors import InvalidName
from crypto_assets.lake.layout import Layout
from crypto_assets.model.instrument import Instrument
from crypto_assets.settings import Recording, Settings, collector_name

_ENDED_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the command line says; nothing where it leaves that to the settings."""

    name: str | None = None
    symbols: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    seconds: float | None = None
    roll_seconds: float | None = None
    ws_url: str | None = None
    http_url: str | None = None
    kept_by: str = "hand"

    @property
    def words(self) -> list[str]:
        """The same as arguments of ``collect``."""
        found = {
            "--name": self.name,
            "--seconds": self.seconds,
            "--roll-seconds": self.roll_seconds,
            "--ws-url": self.ws_url,
            "--http-url": self.http_url,
            "--kept-by": self.kept_by,
        }
        words = [f"{option}={value}" for option, value in found.items() if value is not None]
        words += [f"--symbol={symbol}" for symbol in self.symbols]
        return words + [f"--stream={stream}" for stream in self.streams]


def options_of(lake: Path, settings: Settings, given: Given) -> Options:
    """Join what is given with what the settings say, and hold it against what can be recorded.

    Raises:
        InvalidName: the name is not in the settings and no symbol is given, or something is none.
        InvalidSettings: an address is none.
    """
    named = settings.recordings()
    recording = named.get(collector_name(given.name)) if given.name is not None else Recording()
    if recording is None and not given.symbols:
        known = ", ".join(named) or "none"
        raise InvalidName(
            f"collector {given.name!r}: expected one of the settings ({known}), or --symbol",
        )
    if given.name is None and not given.symbols:
        raise InvalidName("expected --name of the settings or --symbol, found neither")
    recording = recording or Recording()
    changed = {
        **_subjects(given.symbols, recording.venue or settings.venue),
        "streams": given.streams,
        "ws_url": given.ws_url,
        "http_url": given.http_url,
        "roll_seconds": given.roll_seconds,
    }
    recording = msgspec.structs.replace(
        recording,
        **{field: value for field, value in changed.items() if value},
    )
    options = dataclasses.replace(
        collector.options_of(lake, settings.venue, given.name, recording),
        kept_by=given.kept_by,
        duration=given.seconds,
    )
    collector.checked(options)
    return options


def _subjects(symbols: Sequence[str], venue: str) -> dict[str, object]:
    """Read ``BTCUSDT`` or ``bybit:BTCUSDT``; one collector records one venue."""
    found = [Instrument.parse(one, venue) for one in symbols]
    named = sorted({one.venue for one in found})
    if len(named) > 1:
        raise InvalidName(f"expected symbols of one venue, found {', '.join(named)}")
    return {"symbols": tuple(one.symbol for one in found), "venue": "".join(named)}


def recorded(options: Options) -> int:
    """Record in this process, until it is asked to end."""
    ended = collector.run(options)
    return _told(options, ended)


def detached(options: Options, given: Given) -> int:
    """Record in a process of its own; gives 0 once that one has begun a session.

    Raises:
        InvalidName: it has no name it could be found by.
        OSError: the lake cannot be written.
    """
    if options.name is None:
        raise InvalidName("--detach: expected --name, so that it can be found again")
    layout = Layout(options.lake)
    # What can go wrong is to be seen here: the other process has no screen.
    with names.holding(layout, options.name) as is_alone:
        if not is_alone:
            return _told(options, Exit.HELD)
    command = [sys.executable, "-m", "crypto_assets.cli", "collect", f"--lake={options.lake}"]
    ended = detach([*command, *given.words], layout, options.venue)
    if ended == Exit.DONE:
        pid = names.holder(layout, options.name)
        screen.console.print(f"{options.name} records, process {pid}", highlight=False)
    elif ended != Exit.HELD:
        screen.errors.print(
            f"[bold red]error[/] collector {options.name!r} ended with status {ended} before it "
            f"recorded; run it without --detach to see why",
            highlight=False,
            soft_wrap=True,
        )
    return _told(options, ended)


def _told(options: Options, ended: int) -> int:
    """Say who has the name, where another one does."""
    if ended == Exit.HELD:
        pid = names.holder(Layout(options.lake), str(options.name))
        screen.errors.print(
            f"[bold red]error[/] collector {options.name!r} is recording already, process {pid}",
            highlight=False,
            soft_wrap=True,
        )
    return ended


def shown(layout: Layout, name: str | None) -> list[Health]:
    """Give the sessions that live and the last few that ended, of all names or of one.

    Raises:
        InvalidName: the name is none.
    """
    if name is not None:
        collector_name(name)
    found = [one for one in collector.status(layout) if name in (None, one.name)]
    found.sort(key=lambda session: session.started_ns)
    ended = [session for session in found if not session.is_alive]
    return ended[-_ENDED_SHOWN:] + [session for session in found if session.is_alive]


def is_well(found: Sequence[Health], now_ns: int) -> bool:
    """Whether one of the sessions lives and has said so lately."""
    stale = Patience().stale
    return any(session.is_alive and session.age(now_ns) < stale for session in found)
