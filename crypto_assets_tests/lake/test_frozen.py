"""A frozen tree stays what it was, whatever becomes of the files it was made of."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto_assets.lake import frozen
from crypto_assets.lake.copying import copy
from crypto_assets.lake.frozen import GRACE_S, Moved, Taken, Trees

Tree = dict[str, tuple[int, int, str]]


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path / "frozen")


def taken(tmp_path: Path, **texts: str) -> list[Taken]:
    found = []
    for name, text in texts.items():
        path = tmp_path / f"{name}.txt"
        path.write_text(text)
        found.append(Taken.of(f"alone/symbol={name}/0-{path.name}", path))
    return found


def contents(tree: Path) -> dict[str, str]:
    return {str(p.relative_to(tree)): p.read_text() for p in tree.rglob("*") if p.is_file()}


def test_a_tree_outlives_the_files_it_was_made_of(trees: Trees, tmp_path: Path) -> None:
    tree = trees.make(taken(tmp_path, a="1", b="2"))
    (tmp_path / "a.txt").unlink()
    (tmp_path / "new").write_text("3")
    (tmp_path / "new").replace(tmp_path / "b.txt")
    assert contents(tree) == {"alone/symbol=a/0-a.txt": "1", "alone/symbol=b/0-b.txt": "2"}


def test_a_tree_takes_no_space_of_its_own(trees: Trees, tmp_path: Path) -> None:
    (one,) = taken(tmp_path, a="1")
    assert (trees.make([one]) / one.name).stat().st_ino == one.source.stat().st_ino


def test_the_same_files_are_the_same_tree_and_nothing_is_written(
    trees: Trees, tmp_path: Path, tree: Callable[[Path], Tree]
) -> None:
    files = taken(tmp_path, a="1", b="2")
    made = trees.make(files)
    before = tree(trees.root)
    assert trees.make(files[::-1]) == made == trees.tree(files)
    assert tree(trees.root) == before


def test_a_file_that_was_replaced_makes_another_tree(trees: Trees, tmp_path: Path) -> None:
    first = trees.make(taken(tmp_path, a="1"))
    (tmp_path / "new").write_text("2")
    (tmp_path / "new").replace(tmp_path / "a.txt")
    one = Taken.of("alone/symbol=a/0-a.txt", tmp_path / "a.txt")
    assert contents(trees.make([one])) != contents(first)


@pytest.mark.parametrize("fate", ["gone", "replaced", "grown"])
def test_a_file_that_changed_since_it_was_looked_at_makes_no_tree(
    fate: str, trees: Trees, tmp_path: Path
) -> None:
    files = taken(tmp_path, a="1", b="2")
    if fate == "gone":
        (tmp_path / "b.txt").unlink()
    elif fate == "replaced":
        (tmp_path / "new").write_text("3")
        (tmp_path / "new").replace(tmp_path / "b.txt")
    else:
        (tmp_path / "b.txt").write_text("longer")
    with pytest.raises(Moved):
        trees.make(files)
    assert not trees.tree(files).exists()


def test_what_a_killed_one_left_half_made_is_made_anew(trees: Trees, tmp_path: Path) -> None:
    left = trees.root / ".building" / "alone"
    left.mkdir(parents=True)
    (left / "half").write_text("x")
    assert contents(trees.make(taken(tmp_path, a="1"))) == {"alone/symbol=a/0-a.txt": "1"}


def test_files_are_copied_where_there_are_no_links(
    trees: Trees, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_source: Path, _target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    (one,) = taken(tmp_path, a="1")
    monkeypatch.setattr(frozen.os, "link", refused)
    tree = trees.make([one])
    assert contents(tree) == {"alone/symbol=a/0-a.txt": "1"}
    assert (tree / one.name).stat().st_ino != one.source.stat().st_ino


def test_only_trees_that_nobody_used_for_a_day_are_removed(trees: Trees, tmp_path: Path) -> None:
    old, recent, used = (trees.make(taken(tmp_path, **{name: name})) for name in "abc")
    for tree, age in ((old, GRACE_S + 60), (recent, GRACE_S - 60), (used, 2 * GRACE_S)):
        at = tree.stat().st_mtime - age
        os.utime(tree, (at, at))
    trees.sweep([used])
    assert [tree.exists() for tree in (old, recent, used)] == [False, True, True]
    trees.sweep([])
    assert used.exists(), "its grace begins when it was last used"


def test_there_is_nothing_to_sweep_before_the_first_tree(trees: Trees) -> None:
    trees.sweep([])
    assert not trees.root.exists()


@pytest.mark.parametrize("is_in_kernel", [True, False])
@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_a_copy_has_every_byte(
    size: int, *, is_in_kernel: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_in_kernel:
        monkeypatch.delattr(os, "copy_file_range", raising=False)
    data = os.urandom(size)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)
    target.write_bytes(b"longer than nothing")
    copy(source, target)
    assert target.read_bytes() == data
