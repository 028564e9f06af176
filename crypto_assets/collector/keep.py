"""Keep the wanted collectors alive: look, decide in ``keeper``, start and end processes."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from crypto_assets.collector import names, words
from crypto_assets.collector.collect import checked
from crypto_assets.collector.health import Health, status
from crypto_assets.collector.keeper import (
    Action,
    Kill,
    Patience,
    Seen,
    Start,
    Terminate,
    decide,
    rests,
)
from crypto_assets.collector.options import BY_SENSOR, options_of
from crypto_assets.lake.layout import Layout
from crypto_assets.settings import Recording, Settings, environment


@dataclass(frozen=True, slots=True)
class Kept:
    """What was seen and done at one moment."""

    living: tuple[Health, ...]
    asked: dict[str, int]
    """When (ns since 1970) living sessions were asked to end, for the next time."""
    acted: tuple[str, ...]
    """What was done, in words."""
    told: tuple[str, ...]
    """How every collector is, in words."""


def keep(
    lake: Path,
    settings: Settings,
    me: str,
    asked: Mapping[str, int],
    patience: Patience,
) -> Kept:
    """Start the wanted collectors that do not live, end those that hang or are not wanted.

    Acts on what ``me`` started, and on nothing else. Returns at once: the next call sees what
    came of it.

    Raises:
        InvalidName: the settings want something recorded that cannot be.
        InvalidSettings: likewise.
    """
    recordings = settings.recordings()
    wanted: dict[str, str] = {}
    for name, recording in recordings.items():
        options = options_of(lake, settings.venue, name, recording)
        checked(options)
        if recording.kept_by == BY_SENSOR:
            wanted[name] = options.digest
    return _kept(lake, me, asked, patience, recordings, wanted)


def end(
    lake: Path,
    me: str,
    asked: Mapping[str, int],
    patience: Patience,
) -> Kept:
    """End every collector that ``me`` started, as :func:`keep` does where nothing is wanted."""
    return _kept(lake, me, asked, patience, {}, {})


def _kept(
    lake: Path,
    me: str,
    asked: Mapping[str, int],
    patience: Patience,
    recordings: Mapping[str, Recording],
    wanted: Mapping[str, str],
) -> Kept:
    layout = Layout(lake)
    seen = Seen(
        sessions=tuple(status(layout)),
        held=frozenset(name for name in recordings if _is_held(layout, name)),
        host=socket.gethostname(),
        now_ns=time.time_ns(),
    )
    actions = decide(wanted, seen, me, asked, patience)
    living = tuple(session for session in seen.sessions if session.is_alive)
    resting = rests(wanted, seen, patience)
    absent = set(recordings) - {session.name for session in living}
    started = {action.name for action in actions if isinstance(action, Start)}
    told = [words.session(session, seen.now_ns, patience) for session in living]
    told += [
        words.absent(name, recordings[name], resting.get(name, 0.0), is_held=name in seen.held)
        for name in sorted(absent - started)
    ]
    # What a start had to say, which did not lead to a living collector.
    told += [text for name in sorted(absent - seen.held) if (text := _said(layout, name))]
    still = {s.session: asked[s.session] for s in living if s.session in asked}
    return Kept(
        living=living,
        asked=_act(actions, layout, me, still),
        acted=tuple(map(words.action, actions)),
        told=tuple(told),
    )


def _act(
    actions: Sequence[Action],
    layout: Layout,
    me: str,
    asked: Mapping[str, int],
) -> dict[str, int]:
    """Start and end processes; gives ``asked`` with the sessions asked now."""
    told = dict(asked)
    for action in actions:
        match action:
            case Start(name):
                _start(layout, name, me)
            case Terminate(session, pid):
                _signal(pid, signal.SIGTERM)
                told[session] = time.time_ns()
            case Kill(_, pid):
                _signal(pid, signal.SIGKILL)
    return told


def _signal(pid: int, number: signal.Signals) -> None:
    # It may have ended by itself.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _is_held(layout: Layout, name: str) -> bool:
    """Whether a process has a name, or is being started to have it."""
    if names.holder(layout, name) is not None:
        return True
    with contextlib.suppress(FileNotFoundError), _start_log(layout, name).open("rb") as file:
        return not _locked(file, fcntl.LOCK_SH)
    return False


def _start(layout: Layout, name: str, me: str) -> None:
    """Run ``collect --detach``; what it says of a start that fails is kept for the next look.

    The lock on that file is the command's own from then on, and is let go when it ends.
    """
    path = _start_log(layout, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "crypto_assets.cli", "collect", "--name", name]
    command += ["--detach", "--kept-by", me, "--lake", str(layout.root)]
    with path.open("ab") as file:
        if not _locked(file, fcntl.LOCK_EX):
            return
        file.truncate(0)
        process = subprocess.Popen(  # noqa: S603 - our own program with checked arguments
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=file,
            env=environment(),
        )
    # It ends in a second or two; whoever started it is to collect it, and not to wait for it.
    threading.Thread(target=process.wait, name=f"start-{name}", daemon=True).start()


def _locked(file: BinaryIO, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _said(layout: Layout, name: str) -> str:
    """Tell what the last start of a collector had to say; nothing where all went well."""
    with contextlib.suppress(FileNotFoundError):
        return _start_log(layout, name).read_text(errors="replace").strip()
    return ""


def _start_log(layout: Layout, name: str) -> Path:
    return layout.root / "logs" / f"collector-{name}.start.log"
