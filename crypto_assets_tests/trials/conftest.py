"""What the trials are told on the command line."""

from __future__ import annotations

import random

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--minutes", type=float, default=10.0, help="how long the soak lasts")
    parser.addoption("--kills", type=int, default=200, help="how many processes are killed")
    parser.addoption("--seed", type=int, default=None, help="repeat the chance of a failed trial")


@pytest.fixture(scope="session")
def minutes(request: pytest.FixtureRequest) -> float:
    return float(request.config.getoption("--minutes"))


@pytest.fixture(scope="session")
def kills(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--kills"))


@pytest.fixture(scope="session")
def seed(request: pytest.FixtureRequest) -> int:
    """Where chance begins: another one each time unless it is given."""
    given = request.config.getoption("--seed")
    return random.SystemRandom().randrange(10**6) if given is None else int(given)


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask no proxy for what is on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
