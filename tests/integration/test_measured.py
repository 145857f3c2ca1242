"""The measuring child's losses are torch's losses of the merged model, on the author's passages and on others'."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl

from scriptorium.artifacts.checkpoint_losses import BaseLosses, SummedLoss, read_checkpoint_losses

pytestmark = AXOLOTL_MARKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the order was carried out."""
    root = tmp_path_factory.mktemp("measured")
    run_in_axolotl("measured_reference.py", root)
    return root


def on_stored(folder: Path, step: int) -> BaseLosses:
    measured = read_checkpoint_losses(folder / f"checkpoint-{step}.json")
    assert measured
    return measured.bases["stored"]


def sums(passages: Sequence[SummedLoss]) -> list[float]:
    return [passage.loss for passage in passages]


@pytest.mark.parametrize("step", [3, 6])
def test_losses_with_and_without_the_adapter(folder: Path, step: int) -> None:
    expected, losses = json.loads((folder / "expected.json").read_text()), on_stored(folder, step)
    for passages, expected_sums in (
        (losses.passages, expected[str(step)]["passages"]),
        (losses.others, expected[str(step)]["others"]),
        (losses.without, expected["base"]["passages"]),
        (losses.others_without, expected["base"]["others"]),
    ):
        assert sums(passages) == pytest.approx(expected_sums, rel=1e-4)
    assert [passage.tokens for passage in (*losses.passages, *losses.others)] == [30, 39, 5]
    assert len(losses.references) == 1


def test_an_adapter_that_adds_nothing_selects_nothing(folder: Path) -> None:
    assert on_stored(folder, 3).selectivity == pytest.approx(0, abs=1e-6)
    assert abs(on_stored(folder, 6).selectivity or 0) > 1e-4


def test_trackers_get_the_selectivity_that_the_contracts_compute(folder: Path) -> None:
    tracked = json.loads((folder / "selectivity.json").read_text())
    assert tracked == {str(step): pytest.approx(on_stored(folder, step).selectivity, abs=1e-9) for step in (3, 6)}
    assert list((folder / "tensorboard").iterdir())
