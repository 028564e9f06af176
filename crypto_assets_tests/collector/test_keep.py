"""Collectors are kept alive: real processes, started, hung, killed and replaced."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto_assets import settings
from crypto_assets.collector.keep import Kept, end, keep
from crypto_assets.collector.keeper import Patience
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.ingest import take
from crypto_assets_tests.collector.conftest import until
from crypto_assets_tests.live import Live, recording

ME = "sensor:abc"
IMPATIENT = Patience(stale=2.0, answer=0.5)


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    with recording(tmp_path, monkeypatch) as found:
        yield found


def look(
    live: Live,
    asked: dict[str, int] | None = None,
    patience: Patience = Patience(),  # noqa: B008 - a frozen value
    me: str = ME,
) -> Kept:
    return keep(live.lake, settings.load(), me, asked or {}, patience)


def parent(pid: int) -> tuple[str, int]:
    """The state and the parent of a process."""
    state, ppid = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[:2]
    return state, int(ppid)


def test_one_is_started_in_a_session_of_its_own_and_no_second_one(live: Live) -> None:
    assert look(live).acted == ("started main",)
    until(lambda: live.living)
    again = look(live)
    assert again.acted == ()
    (told,) = again.told
    assert told.startswith("main records ")
    (session,) = live.sessions
    assert (session.name, session.kept_by) == ("main", ME)
    assert os.getsid(session.pid) == session.pid
    assert parent(session.pid)[1] != os.getpid()
    # Whoever started it has collected the process that did.
    numbers = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    until(lambda: not [pid for pid in numbers if _is_zombie_of_ours(pid)])


def _is_zombie_of_ours(pid: int) -> bool:
    try:
        return parent(pid) == ("Z", os.getpid())
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_while_one_is_being_started_no_other_is(live: Live) -> None:
    log = live.lake / "logs" / "collector-main.start.log"
    log.parent.mkdir(parents=True)
    with log.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert look(live).acted == ()
    assert look(live).acted == ("started main",)
    again = look(live)
    assert (again.acted, again.told) == ((), ("main is starting",))
    until(lambda: live.living)
    assert len(live.sessions) == 1


def test_a_killed_one_is_started_again_and_what_it_left_is_sealed(live: Live) -> None:
    look(live)
    until(lambda: live.living and live.living[0].frames > 20)
    os.kill(live.living[0].pid, signal.SIGKILL)
    until(lambda: not live.living)
    (left,) = live.growing
    # It has ended a moment before the system has let go of its lock.
    until(lambda: look(live).acted == ("started main",))
    until(lambda: live.living)
    first, second = live.sessions
    assert (first.is_alive, second.is_alive) == (False, True)
    record = take(Lake(live.lake), left.with_name(left.name.removesuffix(".open"))).record
    assert record.torn is not None
    assert sum(landed.rows for landed in record.landed) > 5


def test_one_that_hangs_is_asked_to_end_then_killed_and_replaced(live: Live) -> None:
    look(live)
    until(lambda: live.living)
    (stopped,) = live.living
    os.kill(stopped.pid, signal.SIGSTOP)
    acted: list[str] = []
    asked: dict[str, int] = {}

    def is_started_again() -> bool:
        nonlocal asked
        kept = look(live, asked, IMPATIENT)
        asked = kept.asked
        acted.extend(kept.acted)
        return "started main" in kept.acted

    until(is_started_again)
    until(lambda: [one for one in live.living if one.pid != stopped.pid])
    # The kernel may take a moment, so that it is killed at two looks.
    assert list(dict.fromkeys(text.split()[0] for text in acted)) == ["asked", "killed", "started"]
    assert "its heartbeat is" in acted[0]
    assert len([one for one in live.sessions if one.is_alive]) == 1


def test_other_settings_replace_it(live: Live) -> None:
    look(live)
    until(lambda: live.living)
    live.wants(more='streams = ["trade"]')
    (acted,) = look(live).acted
    assert acted.endswith("to end: the settings have changed")
    # It has ended a moment before the system has let go of its lock.
    until(lambda: look(live).acted == ("started main",))
    until(lambda: live.living)
    assert [one.streams for one in live.sessions] == [2, 1]
    assert live.sessions[0].state == "done"


def test_what_is_not_wanted_any_more_ends_with_everything_sealed(live: Live) -> None:
    live.wants("main", "second")
    assert look(live).acted == ("started main", "started second")
    until(lambda: len(live.living) == 2)
    live.wants("second")
    (acted,) = look(live).acted
    assert acted.startswith("asked main, process ")
    until(lambda: [one.name for one in live.living] == ["second"])
    assert end(live.lake, ME, {}, Patience()).acted[0].startswith("asked second")
    until(lambda: not live.living)
    assert {one.state for one in live.sessions} == {"done"}
    assert live.growing == []


def test_one_that_a_service_keeps_is_only_watched(live: Live) -> None:
    live.wants(more='kept_by = "service"')
    kept = look(live)
    assert (kept.acted, kept.living) == ((), ())
    assert kept.told == ("main does not record; its service manager is to start it",)


def test_another_dagsters_collector_is_only_watched(live: Live) -> None:
    look(live)
    until(lambda: live.living)
    assert look(live, me="sensor:another").acted == ()
    assert end(live.lake, "sensor:another", {}, Patience()).acted == ()
    live.wants_nothing()
    assert look(live, me="sensor:another").acted == ()
    assert live.living


def test_a_start_that_fails_says_why_at_the_next_look(live: Live) -> None:
    (live.lake / "segments").parent.mkdir()
    (live.lake / "segments").write_text("where a directory is to be")
    assert look(live).acted == ("started main",)
    until(lambda: any("status 1 before it recorded" in text for text in look(live).told))
