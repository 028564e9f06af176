"""Worker processes give every row once, and go on exactly where they stopped."""

from __future__ import annotations

import importlib.util

import pytest

from crypto_assets.errors import InvalidName
from crypto_assets.model.span import Span
from crypto_assets.training import Rows, plan
from crypto_assets_tests.joined import PER_DAY, SECOND, THIRD, stored

if not importlib.util.find_spec("torch"):
    pytest.skip("torch is not installed: make training installs it", allow_module_level=True)

import torch

from crypto_assets.training.dataset import Loader

Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    lake = stored(tmp_path_factory.mktemp("workers") / "lake", group_rows=90)
    planned = plan(lake, "trades", [SECOND.instrument], Span(SECOND.start_us, THIRD.end_us))
    return Rows(plan=planned, columns=("trade_id", "price"), batch_rows=90, shuffle_rows=180)


def same(one: list[Tensors], other: list[Tensors]) -> bool:
    return len(one) == len(other) and all(
        left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)
        for left, right in zip(one, other, strict=True)
    )


def test_workers_give_everything_once_and_go_on_exactly(source: Rows) -> None:
    reading = Loader(source, workers=2)
    states, whole = [reading.state_dict()], []
    for batch in reading:
        whole.append(batch)
        states.append(reading.state_dict())
    got = sorted(torch.cat([one["trade_id"] for one in whole]).tolist())
    assert len(set(got)) == len(got) == 2 * PER_DAY
    for taken in (1, len(whole) // 2):
        again = Loader(source, workers=2)
        again.load_state_dict(states[taken])
        assert same(list(again), whole[taken:])
    with pytest.raises(InvalidName, match="workers 1, found 2"):
        Loader(source).load_state_dict(states[1])
