"""The commands of live recording, as real processes against a loopback exchange."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crypto_assets.collector import Exit
from crypto_assets.exchange import Pace, random_market, run_in_thread
from crypto_assets.lake import segments
from crypto_assets.lake.lake import Lake
from crypto_assets.model.partition import Partition
from crypto_assets.pipeline.ingest import take
from crypto_assets_tests.collector.conftest import until
from crypto_assets_tests.live import Live, recording

COMMAND = [sys.executable, "-m", "crypto_assets.cli"]
RECORDINGS = Path(__file__).resolve().parents[1] / "recordings"
NOON_US = 1_740_744_000_000_000
"""2025-02-28 12:00 UTC."""


@pytest.fixture
def live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Live]:
    monkeypatch.chdir(tmp_path)
    with recording(tmp_path, monkeypatch) as found:
        yield found


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False)


@contextlib.contextmanager
def started(*words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def is_one_clear_line(ended: subprocess.CompletedProcess[str], *words: str) -> bool:
    return (
        ended.stdout == ""
        and ended.stderr.startswith("error ")
        and ended.stderr.count("\n") == 1
        and all(word in ended.stderr for word in words)
    )


# collect


def test_a_collector_of_the_settings_records_for_some_seconds_and_seals(live: Live) -> None:
    ended = run("collect", "--name", "main", "--seconds", "2")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "event=sealed" in ended.stderr
    (session,) = live.sessions
    assert (session.name, session.kept_by, session.state) == ("main", "hand", "done")
    assert set(session.last_ids) == {"btcusdt@trade", "btcusdt@bookTicker"}
    assert live.growing == []


def test_what_is_given_wins_over_the_settings(live: Live) -> None:
    words = ("--symbol", "ethusdt", "--stream", "trade", "--seconds", "2")
    assert run("collect", "--name", "main", *words).returncode == 0
    assert set(live.sessions[0].last_ids) == {"ethusdt@trade"}


def test_one_without_a_name_may_have_company(live: Live) -> None:
    urls = ("--ws-url", live.ws_url, "--http-url", live.http_url, "--symbol", "BTCUSDT")
    with started("collect", *urls) as one, started("collect", *urls) as other:
        until(lambda: len(live.living) == 2)
        for process in (one, other):
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    assert {session.name for session in live.sessions} == {None}


def test_it_ends_sealed_on_sigterm_and_meanwhile_has_its_name_alone(live: Live) -> None:
    with started("collect", "--name", "main") as process:
        until(lambda: live.living)
        second = run("collect", "--name", "main")
        assert second.returncode == Exit.HELD
        assert is_one_clear_line(second, "'main' is recording already", str(process.pid))
        assert run("collect", "--name", "main", "--detach").returncode == Exit.HELD
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert live.growing == []
    assert len(live.sessions) == 1


def test_one_that_is_detached_goes_on_alone_and_is_shown_until_it_ends(live: Live) -> None:
    ended = run("collect", "--name", "main", "--detach", "--roll-seconds", "1")
    assert (ended.returncode, ended.stderr) == (0, "")
    until(lambda: live.living)
    (session,) = live.living
    assert ended.stdout == f"main records, process {session.pid}\n"
    for number in (0, 1, 2):
        assert Path(f"/proc/{session.pid}/fd/{number}").readlink() == Path("/dev/null")
    until(lambda: segments.sealed(live.layout, "binance"))
    shown = run("collect", "--status", "--name", "main")
    assert (shown.returncode, shown.stderr) == (0, "")
    for word in ("main", "recording", "BTCUSDT 40000", "ms", "GB"):
        assert word in shown.stdout
    (told,) = json.loads(run("collect", "--status", "--json").stdout)
    assert (told["name"], told["pid"], told["is_alive"]) == ("main", session.pid, True)
    assert told["frames_per_second"] > 0
    os.kill(session.pid, signal.SIGTERM)
    until(lambda: not live.living)
    assert run("collect", "--status", "--name", "main").returncode == 3
    assert live.growing == []


def test_the_probe_fails_on_one_that_hangs_and_on_one_that_never_was(live: Live) -> None:
    pid = live.starts("--name=main")
    assert run("collect", "--status", "--name", "main").returncode == 0
    assert run("collect", "--status", "--name", "other").returncode == 3
    os.kill(pid, signal.SIGSTOP)
    from crypto_assets.cli.collecting import is_well

    (session,) = live.sessions
    assert is_well([session], session.heartbeat_ns + 59 * 10**9)
    assert not is_well([session], session.heartbeat_ns + 60 * 10**9)


def test_the_living_and_the_last_few_that_ended_are_shown(live: Live) -> None:
    from crypto_assets.cli.collecting import shown
    from crypto_assets.collector.health import write
    from crypto_assets_tests.collector.test_keeper import session

    for number in range(8):
        directory = segments.directory(live.layout, "binance", f"s{number}")
        directory.mkdir(parents=True)
        write(directory, session(session=f"s{number}", started_ns=number, is_alive=False))
    living = live.starts("--name=main")
    found = shown(live.layout, None)
    assert [one.session for one in found[:-1]] == ["s3", "s4", "s5", "s6", "s7"]
    assert found[-1].pid == living


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "expected --name of the settings or --symbol, found neither"),
        (("--name", "other"), "collector 'other': expected one of the settings (main), or"),
        (("--name", "../x"), "collector name '../x': expected up to 40 of a-z"),
        (("--status", "--name", "../x"), "collector name '../x'"),
        (("--name", "main", "--symbol", "btc/usdt"), "symbol 'BTC/USDT'"),
        (("--name", "main", "--stream", "a b"), "stream kind 'a b'"),
        (("--name", "main", "--ws-url", "http://x"), "expected ws or wss://host"),
        (("--name", "main", "--kept-by", "me"), "kept by 'me': expected hand, service or"),
        (("--name", "main", "--detach", "--stream", "a b"), "stream kind 'a b'"),
        (("--symbol", "BTCUSDT", "--detach"), "--detach: expected --name"),
    ],
)
def test_what_cannot_be_recorded_is_one_clear_line(
    words: tuple[str, ...],
    said: str,
    live: Live,
) -> None:
    ended = run("collect", *words)
    assert ended.returncode == 1
    assert is_one_clear_line(ended, said)
    assert live.sessions == []


def test_a_lake_that_cannot_be_written_is_one_clear_line_of_a_detached_one_too(
    live: Live,
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    ended = run("collect", "--name=main", "--detach", f"--lake={tmp_path / 'file' / 'lake'}")
    assert ended.returncode == 1
    assert is_one_clear_line(ended, "Not a directory")


# exchange


def asked(port: int, path: str) -> tuple[int, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def port_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    told = process.stdout.readline()
    assert told.endswith(", Ctrl-C ends it\n")
    return int(told.split(" ")[0].rpartition(":")[2])


def test_a_made_up_market_answers_on_a_free_port_until_it_is_interrupted() -> None:
    with started("exchange", "--symbol", "btcusdt", "--port", "0") as process:
        port = port_of(process)
        assert asked(port, "/api/v3/ping") == (200, {})
        assert set(asked(port, "/_control")[1]["issued"]) == {"BTCUSDT"}  # type: ignore[index]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_a_recording_is_played_at_its_time_and_speed_or_from_now() -> None:
    path = str(RECORDINGS / "binance-nexousdt-2024-07-23.jsonl")
    with started("exchange", "--port=0", "--recording", path, "--speed=0") as process:
        market = asked(port_of(process), "/_control")[1]
        assert isinstance(market, dict)
        assert set(market["issued"]) == {"NEXOUSDT"}
        assert 1_721_692_800 <= market["now_us"] / 10**6 < 1_721_779_200
    with started("exchange", "--port=0", "--recording", path, "--now", "--speed=600") as process:
        port = port_of(process)

        def first_and_last() -> tuple[int, int] | None:
            market = asked(port, "/_control")[1]
            assert isinstance(market, dict)
            assert market["now_us"] > 1_750_000_000 * 10**6
            issued = market["issued"]["NEXOUSDT"]
            return tuple(issued) if issued else None

        until(lambda: (found := first_and_last()) is not None and found[1] > found[0] + 5)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "expected --symbol of a made-up market or --recording, found neither"),
        (("--symbol", "b/c"), "symbol 'B/C'"),
        (("--recording", "absent.gz"), "absent.gz: expected a capture, found no file"),
        (("--recording", "notes.txt"), "notes.txt:1: no receive time: expected a capture with"),
        (("--recording", "empty.gz"), "empty.gz: no message: expected a capture with trades"),
        (("--recording", "{recording}", "--symbol", "BTCUSDT"), "expected a symbol of NEXOUSDT"),
        (("--symbol", "BTCUSDT", "--speed", "2", "--flat-out"), "expected one of them"),
    ],
)
def test_a_market_that_cannot_be_played_is_one_clear_line(
    words: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("hello\n")
    Path("empty.gz").write_text("")
    path = str(RECORDINGS / "binance-nexousdt-2024-07-23.jsonl")
    ended = run("exchange", "--port=0", *(word.format(recording=path) for word in words))
    assert ended.returncode == 1
    assert is_one_clear_line(ended, said)


def test_a_port_that_is_taken_is_one_clear_line() -> None:
    with started("exchange", "--symbol", "BTCUSDT", "--port", "0") as process:
        port = str(port_of(process))
        assert is_one_clear_line(run("exchange", "--symbol=BTCUSDT", "--port", port), "in use")


# heal


def test_exactly_the_missing_ids_are_fetched(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    day = Partition.of("binance", "BTCUSDT", "2025-02-28")
    market = random_market(["BTCUSDT"], NOON_US, 60, 20.0, 3)
    ids = market.tapes["BTCUSDT"].ids
    first, last = int(ids[0]), int(ids[-1])
    with run_in_thread(market, pace=Pace(speed=0)) as exchange:
        exchange.jump(NOON_US + 120 * 10**6)
        lake = Lake(tmp_path / "lake")
        rows = [
            f"{id_},1.5,2.0,3.0,{NOON_US + (id_ - first)},True,True\n"
            for id_ in (*range(first, first + 5), *range(first + 30, first + 40))
        ]
        path = tmp_path / "BTCUSDT-trades-2025-02-28.csv"
        path.write_text("".join(rows))
        take(lake, path)
        words = ("--symbol=BTCUSDT", "--date=2025-02-28", f"--lake={lake.layout.root}")
        ended = run("heal", *words, f"--http-url={exchange.http_url}")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "25 ids healed, 0 still missing" in ended.stdout
        found = lake.scan("raw_trades", day).collect()["trade_id"].to_list()
        assert found == list(range(first, first + 40))
        assert last > first + 40
        again = run("heal", *words, f"--http-url={exchange.http_url}")
        assert (again.returncode, "0 ids healed" in again.stdout) == (0, True)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--symbol", "b/c", "--date", "2025-02-28"), "symbol 'B/C'"),
        (("--symbol", "BTCUSDT", "--date", "28.2.2025"), "expected YYYY-MM-DD"),
    ],
)
def test_what_cannot_be_healed_is_one_clear_line(words: tuple[str, ...], said: str) -> None:
    ended = run("heal", *words)
    assert ended.returncode == 1
    assert is_one_clear_line(ended, said)
