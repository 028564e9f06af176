"""Tensors come as the arrays do, from worker processes too, and go on exactly where one stopped."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from crypto_assets.errors import InvalidName
from crypto_assets.lake.draft import Draft
from crypto_assets.lake.lake import Lake
from crypto_assets.model.span import Span
from crypto_assets.training import Consumer, Plan, Rows, plan, windows
from crypto_assets_tests.joined import PER_DAY, SECOND

if not importlib.util.find_spec("torch"):
    pytest.skip("torch is not installed: make training installs it", allow_module_level=True)

import torch

from crypto_assets.training.dataset import Batches, ForkedWorker, Loader

Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def source(planned: Plan) -> Rows:
    return Rows(plan=planned, columns=("trade_id", "price"), batch_rows=90, shuffle_rows=180)


def same(one: list[Tensors], other: list[Tensors]) -> bool:
    return len(one) == len(other) and all(
        left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)
        for left, right in zip(one, other, strict=True)
    )


def test_tensors_are_the_arrays(source: Rows) -> None:
    found = list(Batches(source))
    arrays = list(source.batches(Consumer(), 0))
    assert len(found) == len(arrays) == Batches(source).batches_left()
    for tensors, batch in zip(found, arrays, strict=True):
        assert {name: column.numpy().tolist() for name, column in tensors.items()} == {
            name: column.tolist() for name, column in batch.items()
        }
    assert found[0]["price"].dtype == torch.float64


def test_every_epoch_has_an_order_of_its_own(source: Rows) -> None:
    loader = Loader(source)
    first, second = list(loader), list(loader)
    assert not same(first, second)
    assert sorted(torch.cat([one["trade_id"] for one in first]).tolist()) == sorted(
        torch.cat([one["trade_id"] for one in second]).tolist()
    )
    assert same(second, [*Batches(source, ranks=1)]) is False


def test_an_epoch_that_was_left_early_begins_again(source: Rows) -> None:
    loader = Loader(source)
    whole = list(Loader(source))
    for _ in loader:
        break
    assert same(list(loader), whole)


def test_reading_goes_on_from_every_batch_and_into_the_next_epoch(source: Rows) -> None:
    reading = Loader(source)
    states, whole = [reading.state_dict()], []
    for batch in reading:
        whole.append(batch)
        states.append(json.loads(json.dumps(reading.state_dict())))
    following = list(reading)
    for taken, state in enumerate(states):
        again = Loader(source)
        again.load_state_dict(state)
        assert len(again) == len(whole) - taken
        assert same(list(again), whole[taken:])
        assert same(list(again), following)


def test_ranks_read_disjoint_parts(source: Rows) -> None:
    got = [
        number
        for rank in range(3)
        for batch in Loader(source, rank=rank, ranks=3)
        for number in batch["trade_id"].tolist()
    ]
    assert len(got) == len(set(got)) == 2 * PER_DAY


def test_a_position_is_refused_where_files_have_changed(
    source: Rows, lake: Lake, tmp_path: Path, both: Span
) -> None:
    state = Batches(source).state_dict()
    shutil.copytree(lake.layout.root, tmp_path / "lake")
    copy = Lake(tmp_path / "lake")
    same_files = replace(source, plan=plan(copy, "trades", [SECOND.instrument], both))
    Loader(same_files).load_state_dict(state)
    rows = copy.scan("daily_trades", SECOND).collect()
    copy.commit("daily_trades", SECOND, Draft(rows=[rows.head(450), rows.tail(49)]))
    changed = plan(copy, "trades", [SECOND.instrument], both, unproven="skip")
    with pytest.raises(InvalidName, match="other files"):
        Loader(replace(source, plan=changed)).load_state_dict(state)
    with pytest.raises(InvalidName, match="other files"):
        Loader(replace(source, seed=1)).load_state_dict(state)


def test_windows_are_loaded_alike(lake: Lake, both: Span) -> None:
    found = windows(
        lake,
        [SECOND.instrument],
        both,
        interval="1m",
        columns=["close"],
        context=30,
        horizon=10,
    )
    reading = Loader(found)
    whole = list(reading)
    assert whole[0]["close"].shape == (256, 40)
    again = Loader(found)
    again.load_state_dict({**again.state_dict(), "batches": 3})
    assert same(list(again), whole[3:])


def test_a_loader_of_another_number_of_workers_and_forks_are_refused(source: Rows) -> None:
    with pytest.raises(InvalidName, match="workers: expected 1, found 2"):
        list(torch.utils.data.DataLoader(Batches(source), batch_size=None, num_workers=2))
    forked = torch.utils.data.DataLoader(
        Batches(source, workers=1), batch_size=None, num_workers=1, multiprocessing_context="fork"
    )
    with pytest.raises(ForkedWorker, match=r"training\.Loader"):
        list(forked)


def test_torch_that_is_not_there_is_said_to_be_missing() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import crypto_assets.training\n"
        "import crypto_assets.training.dataset"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "NotInstalled" in done.stderr
    assert "install crypto-assets[training]" in done.stderr
