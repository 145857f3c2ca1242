"""The measuring child says what torch says of the merged model, of the author's passages and of others'."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from in_axolotl import NEEDED, run_in_axolotl

from scriptorium.artifacts.checkpoint_losses import OnBase, Passage, read_measured

pytestmark = NEEDED


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the order carried out."""
    root = tmp_path_factory.mktemp("measured")
    run_in_axolotl("measured_reference.py", root)
    return root


def on_stored(folder: Path, step: int) -> OnBase:
    measured = read_measured(folder / f"checkpoint-{step}.json")
    assert measured
    return measured.bases["stored"]


def sums(passages: Sequence[Passage]) -> list[float]:
    return [passage.loss for passage in passages]


@pytest.mark.parametrize("step", [3, 6])
def test_losses_with_and_without_the_adapter(folder: Path, step: int) -> None:
    expected, on = json.loads((folder / "expected.json").read_text()), on_stored(folder, step)
    for found, wanted in (
        (on.passages, expected[str(step)]["passages"]),
        (on.others, expected[str(step)]["others"]),
        (on.without, expected["base"]["passages"]),
        (on.others_without, expected["base"]["others"]),
    ):
        assert sums(found) == pytest.approx(wanted, rel=1e-4)
    assert [passage.tokens for passage in (*on.passages, *on.others)] == [30, 39, 5]
    assert len(on.references) == 1


def test_an_adapter_that_adds_nothing_selects_nothing(folder: Path) -> None:
    assert on_stored(folder, 3).selectivity == pytest.approx(0, abs=1e-6)
    assert abs(on_stored(folder, 6).selectivity or 0) > 1e-4
