"""What is to be done so that the wanted collectors live: decided here, done in ``keep``.

Whoever keeps collectors acts on those it started itself, on its own host, and on no other: one
that was started by hand, by a service manager or by another Dagster is only watched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from crypto_assets.collector.health import Health

_SECOND_NS = 10**9
_DOUBLINGS = 10
_FREE = 3
"""So many short lives cost a wait: two are no pattern yet."""
_CRASHED = ("recording", "failed")
"""The last words of one that was killed, and of one whose disk failed."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is waited for what; in seconds."""

    stale: float = 60
    """A heartbeat older than this is of a process that hangs."""
    answer: float = 30
    """A process that was asked to end, and has not after so long, is killed."""
    refused: float = 3600
    """After the exchange refused to serve, such as HTTP 451."""
    no_room: float = 300
    """After the disk was full."""
    crash: float = 30
    """After the third short life in a row; doubles with each further one ..."""
    longest: float = 600
    """... up to this."""
    short: float = 60
    """A life shorter than this is a short one."""


@dataclass(frozen=True, slots=True)
class Start:
    """Start the collector of a name."""

    name: str


@dataclass(frozen=True, slots=True)
class Terminate:
    """Ask a process to end, which seals what it has."""

    session: str
    pid: int
    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Kill:
    """End a process that did not when it was asked to."""

    session: str
    pid: int
    name: str
    why: str


Action = Start | Terminate | Kill


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What there is, at one moment."""

    sessions: tuple[Health, ...]
    held: frozenset[str]
    """Names that a process holds, one that has not written a session yet among them."""
    host: str
    now_ns: int


def decide(
    wanted: Mapping[str, str],
    seen: Seen,
    me: str,
    asked: Mapping[str, int],
    patience: Patience,
) -> list[Action]:
    """Say what is to be done.

    ``wanted`` is the digest of what is to be recorded by the names that ``me`` is to keep;
    ``asked`` says when (ns since 1970) a session was asked to end.
    """
    found: list[Action] = []
    for session in seen.sessions:
        if is_mine(session, seen.host, me) and (why := _fault(session, wanted, seen, patience)):
            at, name = asked.get(session.session), session.name or "one without a name"
            if at is None:
                found.append(Terminate(session.session, session.pid, name, why))
            elif seen.now_ns - at > patience.answer * _SECOND_NS:
                why += "; it was asked to end and did not"
                found.append(Kill(session.session, session.pid, name, why))
    living = seen.held | {session.name for session in seen.sessions if session.is_alive}
    for name, digest in wanted.items():
        if name not in living and _rest(name, digest, seen, patience) <= 0:
            found.append(Start(name))
    return found


def is_mine(session: Health, host: str, me: str) -> bool:
    """Whether a session may be acted on."""
    return session.is_alive and session.kept_by == me and session.host == host


def _fault(
    session: Health,
    wanted: Mapping[str, str],
    seen: Seen,
    patience: Patience,
) -> str | None:
    """Say why a living session is to end; None where it is as it should be."""
    if session.name is None or session.name not in wanted:
        return "it is not wanted"
    if session.age(seen.now_ns) > patience.stale:
        return f"its heartbeat is {session.age(seen.now_ns):.0f} s old"
    if session.records != wanted[session.name]:
        return "the settings have changed"
    return None


def rests(wanted: Mapping[str, str], seen: Seen, patience: Patience) -> dict[str, float]:
    """Say for how many seconds names are not started again, because of how they ended."""
    found = {name: _rest(name, digest, seen, patience) for name, digest in wanted.items()}
    return {name: seconds for name, seconds in found.items() if seconds > 0}


def _rest(name: str, digest: str, seen: Seen, patience: Patience) -> float:
    """Give the seconds to wait; none after a change of what is wanted."""
    ended = sorted(_of(name, seen.sessions), key=lambda session: session.started_ns)
    if not ended or ended[-1].records != digest:
        return 0.0
    last = ended[-1]
    pause = {"refused": patience.refused, "disk": patience.no_room}.get(last.state, 0.0)
    if last.state in _CRASHED:
        pause = _after_crashes(_short_lives(ended, patience), patience)
    # A clock that was set back makes the end lie in the future.
    return pause - max(last.age(seen.now_ns), 0.0)


def _of(name: str, sessions: Iterable[Health]) -> list[Health]:
    return [session for session in sessions if session.name == name and not session.is_alive]


def _short_lives(ended: Collection[Health], patience: Patience) -> int:
    """Count the last short lives in a row."""
    count = 0
    for session in reversed(list(ended)):
        lived = session.heartbeat_ns - session.started_ns
        if session.state not in _CRASHED or lived >= patience.short * _SECOND_NS:
            break
        count += 1
    return count


def _after_crashes(count: int, patience: Patience) -> float:
    beyond = count - _FREE
    return (
        0.0
        if beyond < 0
        else min(patience.longest, patience.crash * 2.0 ** min(beyond, _DOUBLINGS))
    )
