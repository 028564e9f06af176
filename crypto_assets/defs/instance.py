"""Where Dagster keeps its history when it is used from the command line."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from crypto_assets import settings
from crypto_assets.errors import InvalidSettings
from crypto_assets.lake.lake import Lake

_PROJECT = Path(__file__).resolve().parents[2]


def home() -> Path:
    """The directory of ``dagster.yaml``: DAGSTER_HOME, the working directory, or the project's.

    Raises:
        InvalidSettings: there is none in any of them.
    """
    for directory in (settings.dagster_home(), Path.cwd(), _PROJECT):
        if directory is not None and (directory / "dagster.yaml").is_file():
            return directory
    raise InvalidSettings(
        "no dagster.yaml in DAGSTER_HOME, in the working directory or beside the package: "
        "set DAGSTER_HOME to a directory that has one",
    )


@contextlib.contextmanager
def instance_for(lake: Lake) -> Iterator[dg.DagsterInstance]:
    """Open Dagster's history: the one the UI shows for the settings' lake, a passing one else.

    Two lakes in one history would show one's partitions as the other's.
    """
    if lake.layout.root != Path(settings.load().lake):
        with dg.DagsterInstance.ephemeral() as instance:
            yield instance
        return
    directory = home()
    with contextlib.chdir(directory), dg.DagsterInstance.from_config(str(directory)) as instance:
        yield instance
