"""The lock file installs what the project asks for, exactly, from wherever pip is told to look."""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINES = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if line]
WANTED = [Requirement(text) for text in PROJECT["dependencies"]] + [
    Requirement(text) for text in PROJECT["optional-dependencies"]["dev"]
]


def pins() -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for line in LINES:
        requirement = Requirement(line)
        found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


def pinned(requirement: Requirement) -> Version:
    (specifier,) = requirement.specifier
    return Version(specifier.version)


@pytest.mark.parametrize("line", LINES)
def test_every_line_pins_one_version_and_names_no_place(line: str) -> None:
    assert not line.startswith(("-", "#")), "an option or a comment"
    requirement = Requirement(line)
    (specifier,) = requirement.specifier
    assert specifier.operator == "=="
    assert "*" not in specifier.version
    assert requirement.url is None
    assert not requirement.extras
    for word in ("://", "@", "--", "file:", "git+", "sha256:"):
        assert word not in line


@pytest.mark.parametrize("wanted", WANTED, ids=str)
def test_the_lock_satisfies_what_the_project_asks_for(wanted: Requirement) -> None:
    found = pins()[canonicalize_name(wanted.name)]
    assert found, f"{wanted} is not locked"
    for requirement in found:
        assert pinned(requirement) in wanted.specifier


def test_a_package_is_locked_once_for_each_python() -> None:
    for name, requirements in pins().items():
        for minor in (11, 12, 13):
            applies = [
                one
                for one in requirements
                if one.marker is None
                or one.marker.evaluate(
                    {"python_version": f"3.{minor}", "python_full_version": f"3.{minor}.1"},
                )
            ]
            assert len(applies) <= 1, f"{name} on Python 3.{minor}"


def test_what_is_installed_is_what_is_locked() -> None:
    if sys.prefix == sys.base_prefix:
        pytest.skip("not in the project's virtual environment")
    for wanted in WANTED:
        applies = [
            one
            for one in pins()[canonicalize_name(wanted.name)]
            if one.marker is None or one.marker.evaluate()
        ]
        assert [str(pinned(one)) for one in applies] == [version(wanted.name)]


def test_the_versions_of_python_are_those_the_lock_was_made_for() -> None:
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
