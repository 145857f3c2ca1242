"""`scriptorium merge`: a real merge from the command line, of the checkpoint that was asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scriptorium.artifacts.checkpoint_losses import OnBase, Passage, measured_path
from scriptorium.cli.main import app
from scriptorium.errors import MergeFailed
from tests.unit.services.merger.merger_models import write_base, write_checkpoint


def write_training(root: Path) -> list[str]:
    """Two checkpoints: step 6 has the lower loss, step 12 more of the author. Returns the command that merges one."""
    write_base(root / "base")
    for step, loss, others in ((6, 2.0, 2.0), (12, 2.5, 3.5)):
        write_checkpoint(root / "training", step, loss)
        read = {"passages": loss, "others": others, "without": 3.0, "others_without": 3.5}
        on = OnBase(**{name: [Passage(loss=each, tokens=1)] * 3 for name, each in read.items()}, references=[])
        path = measured_path(root / "training", step)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"step": step, "bases": {"stored": on.model_dump()}}))
    return ["merge", str(root / "training"), "--model", str(root / "base"), "--output", str(root / "merged"), "--json"]


@pytest.mark.parametrize(
    ("asked", "step"),
    [([], 6), (["--select", "voice"], 12), (["--select", "decision"], 6), (["--checkpoint", "12"], 12)],
)
def test_the_checkpoint_that_was_asked_for_is_merged(tmp_path: Path, asked: list[str], step: int) -> None:
    found = CliRunner().invoke(app, [*write_training(tmp_path), *asked])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["step"] == step
    assert (tmp_path / "merged" / "config.json").is_file()


def test_a_step_that_was_never_saved_is_a_clear_error(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, [*write_training(tmp_path), "--checkpoint", "9"])
    assert isinstance(found.exception, MergeFailed)
    assert "There is no checkpoint 9" in str(found.exception)
    assert not (tmp_path / "merged").exists()
