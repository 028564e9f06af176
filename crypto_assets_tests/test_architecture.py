"""The floors hold: imports go down, the pure touch nothing, the core knows no Dagster."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "crypto_assets"
MODULES = sorted(PACKAGE.rglob("*.py"))
TOP = ("defs", "definitions", "demo", "cli")
BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {blocked!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Blocker())
"""


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def imported(path: Path) -> set[str]:
    """Name the top-level packages a module imports anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


def test_the_contracts_on_imports_are_kept() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run(
        [program, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout
    assert "0 broken" in found.stdout


BROKEN = """
[importlinter]
root_package = crypto_assets
[importlinter:contract:wrong]
name = Something that is not so
type = forbidden
source_modules = crypto_assets.pipeline
forbidden_modules = crypto_assets.lake
"""


def test_a_contract_that_is_broken_is_found(tmp_path: Path) -> None:
    (tmp_path / ".importlinter").write_text(BROKEN)
    program = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run(
        [program, "--no-cache", "--config", tmp_path / ".importlinter"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode != 0
    assert "1 broken" in found.stdout


def test_the_core_is_imported_without_dagster_and_pandas() -> None:
    core = [
        name_of(path)
        for path in MODULES
        if path.relative_to(PACKAGE).parts[0].removesuffix(".py") not in TOP
    ]
    assert "crypto_assets.pipeline.build" in core
    if importlib.util.find_spec("torch") is None:
        core.remove("crypto_assets.training.dataset")
    blocked = ("dagster", "dagster_duckdb", "dagster_shared", "dagster_webserver", "pandas")
    imports = "\n".join(f"import {name}" for name in core)
    found = run(BLOCKER.format(blocked=blocked) + imports)
    assert found.returncode == 0, found.stderr


def test_the_blocker_blocks() -> None:
    found = run(BLOCKER.format(blocked=("dagster",)) + "import crypto_assets.definitions")
    assert found.returncode != 0
    assert "No module named 'dagster'" in found.stderr


def test_a_build_loads_neither_dagster_nor_pandas_nor_ccxt() -> None:
    # Where an extra brings pandas, pandera imports it with itself: what is asked here is ours.
    found = run(
        BLOCKER.format(blocked=("pandas",))
        + "import sys, crypto_assets.pipeline.build, crypto_assets.cli.app\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded & {'dagster', 'pandas', 'ccxt', 'binance', 'matplotlib', "
        "'s3fs', 'gcsfs'}), 'google.cloud' in sys.modules)",
    )
    assert found.stdout == "[] False\n", found.stdout + found.stderr


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_every_module_says_what_it_is(path: Path) -> None:
    said = ast.get_docstring(ast.parse(path.read_text()))
    assert said, path
    assert said.splitlines()[0].strip()


def reads_environment(path: Path) -> bool:
    source = path.read_text()
    return "environ" in source or "getenv" in source


def test_only_the_settings_read_the_environment() -> None:
    readers = {name_of(path) for path in MODULES if reads_environment(path)}
    assert "crypto_assets.settings" in readers
    for path in MODULES:
        if name_of(path) == "crypto_assets.settings":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                assert node.attr not in ("environ", "environb", "getenv", "getenvb"), path
            if isinstance(node, ast.ImportFrom) and node.module == "os":
                names = {alias.name for alias in node.names}
                assert not names & {"environ", "environb", "getenv"}, path


def test_only_what_hands_frames_to_pandas_imports_it() -> None:
    found = [name_of(path) for path in MODULES if "pandas" in imported(path)]
    assert found == ["crypto_assets.sinks.frames"]


def test_only_the_top_floor_imports_dagster() -> None:
    knowing = {
        path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for path in MODULES
        if any(name.startswith("dagster") for name in imported(path))
    }
    assert knowing <= {"defs", "definitions"}
    assert knowing


def test_no_module_swallows_every_error() -> None:
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                caught = ast.unparse(node.type) if node.type else "everything"
                bare = caught in ("Exception", "everything")
                raised = any(isinstance(one, ast.Raise) for one in ast.walk(node))
                assert not bare, f"{path}:{node.lineno}"
                assert caught != "BaseException" or raised, f"{path}:{node.lineno}"


def test_there_is_no_place_for_what_has_no_name() -> None:
    names = {path.stem for path in MODULES} | {path.parent.name for path in MODULES}
    assert not names & {"utils", "util", "helpers", "common", "misc", "base"}
