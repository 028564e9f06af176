"""What deploys it parses, and every command line in it is one that the programs take."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
import yaml
from dagster._daemon.cli import create_dagster_daemon_cli
from dagster_webserver.cli import dagster_webserver
from typer._click.exceptions import NoSuchOption

from crypto_assets.cli.app import app
from crypto_assets.settings import Settings
from crypto_assets_tests.broker import BINARY, require_nats

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
MANIFESTS = sorted((DEPLOY / "kubernetes").glob("*.yaml"))


def unit(path: Path) -> configparser.ConfigParser:
    # A unit may say a thing twice, and its names are in mixed case.
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser


def manifests(kind: str) -> list[dict[str, Any]]:
    found = [one for path in MANIFESTS for one in yaml.safe_load_all(path.read_text())]
    return [one for one in found if one["kind"] == kind]


def pods() -> list[dict[str, Any]]:
    return [
        one["spec"]["template"]["spec"]
        for kind in ("StatefulSet", "Deployment")
        for one in manifests(kind)
    ]


def containers() -> list[dict[str, Any]]:
    return [container for pod in pods() for container in pod["containers"]]


def in_kubernetes() -> Iterator[list[str]]:
    for container in containers():
        yield container["command"]
        for probe in ("livenessProbe", "readinessProbe"):
            if probe in container:
                yield container[probe]["exec"]["command"]


def in_documents() -> Iterator[list[str]]:
    for path in (DEPLOY / "README.md", DEPLOY / "Dockerfile"):
        for line in path.read_text().splitlines():
            words = line.strip()
            if words.startswith("CMD "):
                yield list(msgspec.json.decode(words.removeprefix("CMD ")))
            elif found := re.match(r"(?:sudo -u \S+ )?(crypto-assets \S.*)", words):
                yield shlex.split(found[1], comments=True)


def commands() -> list[list[str]]:
    units = [shlex.split(unit(path)["Service"]["ExecStart"]) for path in UNITS]
    return [*units, *in_kubernetes(), *in_documents()]


def parse(words: list[str]) -> None:
    """Parse a command line as its program would, and run nothing."""
    # A path of the machine it is deployed to is one of this repository here.
    program, *rest = [
        re.sub(r"^/(opt/crypto-assets|app)/", f"{DEPLOY.parent}/", word.replace("%i", "main"))
        for word in words
    ]
    # Typer brings a click of its own, Dagster uses the other.
    known: dict[str, Any] = {
        "crypto-assets": typer.main.get_command(app),
        "dagster-webserver": dagster_webserver,
        "dagster-daemon": create_dagster_daemon_cli(),
    }
    command = known[Path(program).name]
    while hasattr(command, "commands"):
        name, *rest = rest
        command = command.commands[name]
    command.make_context(program, rest)


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_line_is_one_its_program_takes(words: list[str]) -> None:
    if words[0] not in ("python", "nats-server"):
        parse(words)


def nats_configs() -> list[str]:
    (config,) = manifests("ConfigMap")
    return [(DEPLOY / "nats" / "nats.conf").read_text(), config["data"]["nats.conf"]]


@pytest.mark.parametrize("text", nats_configs())
def test_the_broker_listens_on_this_machine_alone_and_takes_its_configuration(
    text: str,
    tmp_path: Path,
) -> None:
    assert 'listen: "127.0.0.1:4222"' in text
    require_nats()
    # Older servers than 2.10 do not know how often to sync.
    lines = [one for one in text.splitlines() if not one.strip().startswith("sync_interval")]
    path = tmp_path / "nats.conf"
    path.write_text("\n".join(lines))
    found = subprocess.run(
        [str(BINARY), "--config", path, "-t"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    path.write_text("\n".join([*lines, "no_such_thing: 1"]))
    assert subprocess.run(
        [str(BINARY), "-c", path, "-t"], capture_output=True, check=False
    ).returncode


def test_a_command_line_that_is_none_is_found() -> None:
    with pytest.raises(NoSuchOption):
        parse(["crypto-assets", "collect", "--nmae", "main"])
    with pytest.raises(KeyError):
        parse(["/opt/x/crypto-assets", "collectors"])


def test_the_commands_of_the_documents_are_found() -> None:
    assert len(list(in_documents())) >= 4


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_a_unit_is_started_again_ends_in_time_and_may_do_little(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["Restart"] == "always"
    assert int(service["TimeoutStopSec"]) >= 30
    assert service["User"] == "crypto-assets"
    for name in ("NoNewPrivileges", "ProtectHome", "PrivateTmp", "RestrictNamespaces"):
        assert service[name] == "yes"
    assert service["ProtectSystem"] == "strict"
    # What is protected but for its state must have its state there.
    assert service["WorkingDirectory"] == f"/var/lib/{service['StateDirectory']}"
    assert unit(path)["Install"]["WantedBy"] == "multi-user.target"


def test_a_collectors_unit_is_of_any_name_and_not_started_after_a_refusal() -> None:
    from crypto_assets.collector import Exit

    service = unit(DEPLOY / "systemd" / "crypto-assets-collect@.service")["Service"]
    assert "--name %i --kept-by service" in service["ExecStart"]
    assert int(service["RestartPreventExitStatus"]) == Exit.REFUSED


def test_everything_listens_on_this_machine_alone() -> None:
    told = [words for words in commands() if "webserver" in words[0]]
    assert len(told) == 2
    assert all(words[words.index("--host") + 1] == "127.0.0.1" for words in told)
    for path in (*UNITS, *MANIFESTS, DEPLOY / "Dockerfile"):
        assert "0.0.0.0" not in path.read_text()


def test_the_settings_of_the_config_map_are_settings_and_name_every_collector() -> None:
    (config,) = manifests("ConfigMap")
    found = msgspec.convert(tomllib.loads(config["data"]["crypto-assets.toml"]), Settings)
    recordings = found.recordings()
    assert {recording.kept_by for recording in recordings.values()} == {"service"}
    collecting = [words for words in in_kubernetes() if "collect" in words]
    assert collecting
    for words in collecting:
        assert words[words.index("--name") + 1] in recordings


def test_no_pod_is_root_and_none_runs_twice() -> None:
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["terminationGracePeriodSeconds"] >= 30
        names = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert {"requests", "limits"} == set(container["resources"])
            assert {mount["name"] for mount in container["volumeMounts"]} == names
    for kind in ("StatefulSet", "Deployment"):
        for one in manifests(kind):
            assert one["spec"]["replicas"] == 1
            labels = one["spec"]["template"]["metadata"]["labels"]
            assert one["spec"]["selector"]["matchLabels"].items() <= labels.items()
    (deployment,) = manifests("Deployment")
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
