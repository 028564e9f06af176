"""Say in words how collectors are, and what was done about them."""

from __future__ import annotations

from crypto_assets.collector.health import Health
from crypto_assets.collector.keeper import Action, Kill, Patience, Start, Terminate
from crypto_assets.collector.options import BY_SENSOR
from crypto_assets.settings import Recording


def action(done: Action) -> str:
    """Such as ``asked main, process 12, to end: its heartbeat is 75 s old``."""
    match done:
        case Start(name):
            return f"started {name}"
        case Terminate(pid=pid, name=name, why=why):
            return f"asked {name}, process {pid}, to end: {why}"
        case Kill(pid=pid, name=name, why=why):
            return f"killed {name}, process {pid}: {why}"


def session(found: Health, now_ns: int, patience: Patience) -> str:
    """Such as ``main records 41 frames/s, 12 ms behind, 0 reconnects, 1 rotations``."""
    keeper = found.kept_by.partition(":")[0]
    name = found.name or f"one without a name, process {found.pid}"
    who = name if keeper == BY_SENSOR else f"{name} (kept by {keeper})"
    if found.age(now_ns) > patience.stale:
        return f"{who} hangs: its heartbeat is {found.age(now_ns):.0f} s old"
    behind = found.behind_ms
    lag = "" if behind is None else f", {behind:,.0f} ms behind"
    return (
        f"{who} records {found.frames_per_second:,.0f} frames/s{lag}, "
        f"{found.reconnects} reconnects, {found.rotations} rotations"
    )


def absent(name: str, recording: Recording, rest: float, *, is_held: bool) -> str:
    """Say why a wanted collector does not record."""
    if is_held:
        return f"{name} is starting"
    if recording.kept_by != BY_SENSOR:
        return f"{name} does not record; its service manager is to start it"
    return f"{name} ended soon or was refused; it is started again in {rest:,.0f} s"
