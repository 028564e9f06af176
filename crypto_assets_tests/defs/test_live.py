"""The sensors of live recording, with real collectors."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from crypto_assets.defs.live import collector, is_on, observed, unwanted_collectors
from crypto_assets.defs.resources import LakeResource
from crypto_assets.lake.lake import Lake
from crypto_assets.pipeline.ingest import take
from crypto_assets_tests.collector.conftest import until
from crypto_assets_tests.collector.test_keeper import session
from crypto_assets_tests.live import Live, recording


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    with recording(tmp_path, monkeypatch) as found:
        yield found


Tick = Callable[..., tuple[str, dg.SensorResult]]


@pytest.fixture
def tick(live: Live, instance: dg.DagsterInstance) -> Tick:
    """Evaluate a sensor as the daemon would, with its cursor; gives what it says."""
    cursors: dict[str, str | None] = {}

    def evaluate(sensor: dg.SensorDefinition) -> tuple[str, dg.SensorResult]:
        context = dg.build_sensor_context(
            instance,
            cursor=cursors.get(sensor.name),
            resources={"lake": LakeResource(root=str(live.lake))},
        )
        result = sensor(context)
        if isinstance(result, dg.SkipReason):
            return str(result.skip_message), dg.SensorResult(skip_reason=result)
        assert isinstance(result, dg.SensorResult)
        assert result.skip_reason is not None
        cursors[sensor.name] = result.cursor
        return str(result.skip_reason.skip_message), result

    return evaluate


def origin(location: str) -> ManagedGrpcPythonEnvCodeLocationOrigin:
    target = LoadableTargetOrigin(module_name="crypto_assets.definitions")
    return ManagedGrpcPythonEnvCodeLocationOrigin(target, location_name=location)


def switched(instance: dg.DagsterInstance, status: InstigatorStatus, location: str = "x") -> None:
    """Store what the UI stores when somebody turns the sensor ``collector`` on or off."""
    target = LoadableTargetOrigin(module_name="crypto_assets.definitions")
    repository = RemoteRepositoryOrigin(
        ManagedGrpcPythonEnvCodeLocationOrigin(target, location), "__repository__"
    )
    state = InstigatorState(
        RemoteInstigatorOrigin(repository, collector.name),
        InstigatorType.SENSOR,
        status,
    )
    known = instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    if state.selector_id in {one.selector_id for one in known}:
        instance.update_instigator_state(state)
    else:
        instance.add_instigator_state(state)


def test_it_starts_one_collector_watches_it_and_tells_of_it_once_a_minute(
    live: Live,
    tick: Tick,
) -> None:
    said, result = tick(collector)
    assert (said.split(";")[0], result.asset_events) == ("started main", [])
    until(lambda: live.living and live.living[0].frames_per_second > 0)
    until(lambda: live.living[0].free_bytes is not None)
    said, result = tick(collector)
    assert said.startswith("main records ")
    (event,) = result.asset_events
    assert event.asset_key == dg.AssetKey("segments")
    drawn = {
        name: value.value
        for name, value in event.metadata.items()
        if isinstance(value, (dg.IntMetadataValue, dg.FloatMetadataValue))
    }
    assert set(drawn) == {
        "collectors",
        "connections",
        "frames per second",
        "reconnects",
        "rotations",
        "queue high water, bytes",
        "lag, ms",
        "clock offset, us",
        "free disk, bytes",
        "last id of BTCUSDT",
    }
    assert (drawn["collectors"], drawn["connections"]) == (1, 1)
    assert drawn["last id of BTCUSDT"] >= 4_000_000_000
    said, result = tick(collector)
    assert (said.startswith("main records "), result.asset_events) == (True, [])
    assert len(live.sessions) == 1


def test_a_killed_collector_is_started_again_and_what_it_left_is_taken(
    live: Live,
    tick: Tick,
) -> None:
    tick(collector)
    until(lambda: live.living and live.living[0].frames > 20)
    os.kill(live.living[0].pid, signal.SIGKILL)
    until(lambda: not live.living)
    (left,) = live.growing
    # It has ended a moment before the system has let go of its lock.
    until(lambda: tick(collector)[0].startswith("started main"))
    until(lambda: live.living)
    assert [one.is_alive for one in live.sessions] == [False, True]
    taken = take(Lake(live.lake), left.with_name(left.name.removesuffix(".open")))
    assert taken.record.torn is not None
    assert taken.record.landed


def test_once_the_sensor_is_off_what_it_started_ends_sealed(
    live: Live,
    tick: Tick,
    instance: dg.DagsterInstance,
) -> None:
    switched(instance, InstigatorStatus.RUNNING)
    tick(collector)
    until(lambda: live.living)
    assert tick(unwanted_collectors)[0] == "the sensor collector is on, and keeps them"
    switched(instance, InstigatorStatus.STOPPED)
    assert "to end: it is not wanted" in tick(unwanted_collectors)[0]
    until(lambda: not live.living)
    said, _ = tick(unwanted_collectors)
    assert said == "the sensor collector is off, and nothing it started is left"
    (session,) = live.sessions
    assert session.state == "done"
    assert live.growing == []


def test_one_that_does_not_end_when_asked_is_killed(
    live: Live,
    tick: Tick,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from crypto_assets.collector.keeper import Patience
    from crypto_assets.defs import live as module

    monkeypatch.setattr(module, "PATIENCE", Patience(answer=0.2))
    tick(collector)
    until(lambda: live.living)
    os.kill(live.living[0].pid, signal.SIGSTOP)
    assert tick(unwanted_collectors)[0].startswith("asked main")
    until(lambda: tick(unwanted_collectors)[0].startswith("killed main"))
    until(lambda: not live.living)


def test_a_collector_that_a_service_keeps_is_watched_and_never_touched(
    live: Live,
    tick: Tick,
) -> None:
    live.wants(more='kept_by = "service"')
    said, _ = tick(collector)
    assert said == "main does not record; its service manager is to start it"
    pid = live.starts("--name=main", "--kept-by=service")
    said, result = tick(collector)
    assert said.startswith("main (kept by service) records ")
    assert len(result.asset_events) == 1
    live.wants_nothing()
    assert tick(collector)[0].startswith("main (kept by service) records ")
    assert tick(unwanted_collectors)[0].startswith("main (kept by service) records ")
    assert [one.pid for one in live.living] == [pid]


def test_without_anything_wanted_the_sensor_says_so(live: Live, tick: Tick) -> None:
    live.wants_nothing()
    assert tick(collector)[0] == "the settings name no collector and no symbol"
    assert live.sessions == []


def test_settings_that_cannot_be_recorded_fail_the_tick(live: Live, tick: Tick) -> None:
    from crypto_assets.errors import InvalidName, InvalidSettings

    live.wants(more='streams = ["a b"]')
    with pytest.raises(InvalidName, match="stream kind 'a b'"):
        tick(collector)
    live.wants("Main")
    with pytest.raises(InvalidName, match="collector name 'Main'"):
        tick(collector)
    live.wants(more='kept_by = "nobody"')
    with pytest.raises(InvalidSettings, match="nobody"):
        tick(collector)


def test_a_cursor_somebody_wrote_by_hand_is_as_good_as_none(
    live: Live,
    instance: dg.DagsterInstance,
) -> None:
    live.wants_nothing()
    context = dg.build_sensor_context(
        instance,
        cursor="hello",
        resources={"lake": LakeResource(root=str(live.lake))},
    )
    result = collector(context)
    assert isinstance(result, dg.SensorResult)
    assert result.cursor == '{"asked":{},"observed_ns":0,"frames":{}}'


def test_the_sensor_is_off_until_somebody_turns_it_on(instance: dg.DagsterInstance) -> None:
    context = dg.build_sensor_context(instance)
    assert collector.default_status is dg.DefaultSensorStatus.STOPPED
    assert unwanted_collectors.default_status is dg.DefaultSensorStatus.RUNNING
    assert not is_on(context)
    switched(instance, InstigatorStatus.DECLARED_IN_CODE)
    assert not is_on(context)
    switched(instance, InstigatorStatus.RUNNING)
    assert is_on(context)
    switched(instance, InstigatorStatus.STOPPED)
    assert not is_on(context)


def test_another_code_locations_sensor_is_another_one(instance: dg.DagsterInstance) -> None:
    switched(instance, InstigatorStatus.RUNNING, "elsewhere")

    def seen_from(location: str) -> dg.SensorEvaluationContext:
        return dg.SensorEvaluationContext(
            instance_ref=None,
            last_tick_completion_time=None,
            last_run_key=None,
            cursor=None,
            log_key=None,
            repository_name=None,
            instance=instance,
            sensor_name=None,
            code_location_origin=origin(location),
        )

    assert is_on(seen_from("elsewhere"))
    assert not is_on(seen_from("here"))


def test_frames_a_second_are_a_mean_since_the_last_time_or_the_start() -> None:
    second = 10**9
    one = session(session="a", frames=600, started_ns=0, heartbeat_ns=60 * second)
    new = session(session="b", frames=50, started_ns=50 * second, heartbeat_ns=60 * second)
    told = observed([one, new], {"a": (300, 30 * second)})
    assert told["frames per second"].value == 15.0
    at_once = session(frames=0, started_ns=second, heartbeat_ns=second)
    assert observed([at_once], {})["frames per second"].value == 0.0
