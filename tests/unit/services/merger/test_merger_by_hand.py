"""`scriptorium merge`: a real merge from the command line, of the requested checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scriptorium.artifacts.checkpoint_losses import BaseLosses, SummedLoss, checkpoint_losses_path
from scriptorium.cli.main import app
from scriptorium.errors import MergeFailed
from tests.unit.services.merger.merger_models import write_base, write_checkpoint


def write_training(root: Path) -> list[str]:
    """Write two checkpoints, step 6 with the lower loss, step 12 with more of the author; return the merge command."""
    write_base(root / "base")
    for step, loss, others in ((6, 2.0, 2.0), (12, 2.5, 3.5)):
        write_checkpoint(root / "training", step, loss)
        means = {"passages": loss, "others": others, "without": 3.0, "others_without": 3.5}
        losses = {name: [SummedLoss(loss=mean, tokens=1)] * 3 for name, mean in means.items()}
        on_stored = BaseLosses(**losses, references=[])
        path = checkpoint_losses_path(root / "training", step)
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"step": step, "bases": {"stored": on_stored.model_dump()}}))
    return ["merge", str(root / "training"), "--model", str(root / "base"), "--output", str(root / "merged"), "--json"]


@pytest.mark.parametrize(
    ("options", "step"),
    [([], 6), (["--select", "voice"], 12), (["--select", "decision"], 6), (["--checkpoint", "12"], 12)],
)
def test_the_requested_checkpoint_is_merged(tmp_path: Path, options: list[str], step: int) -> None:
    result = CliRunner().invoke(app, [*write_training(tmp_path), *options])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["step"] == step
    assert (tmp_path / "merged" / "config.json").is_file()


def test_strength_and_temperature_are_merged(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*write_training(tmp_path), "--strength", "0.5", "--temperature", "0.9"])
    assert result.exit_code == 0, result.output
    merged = json.loads(result.stdout)
    assert (merged["strength"], merged["temperature"]) == (0.5, 0.9)
    assert json.loads((tmp_path / "merged" / "adapter" / "adapter_config.json").read_text())["lora_alpha"] == 1.5


def test_a_step_that_was_never_saved_is_a_clear_error(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*write_training(tmp_path), "--checkpoint", "9"])
    assert isinstance(result.exception, MergeFailed)
    assert "There is no checkpoint 9" in str(result.exception)
    assert not (tmp_path / "merged").exists()
