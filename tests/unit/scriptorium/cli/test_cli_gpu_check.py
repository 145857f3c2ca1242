import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scriptorium.cli import main as command
from scriptorium.cli.demo import phase_seconds, small_recipe
from scriptorium.recipe import parse_recipe
from scriptorium.settings import Settings, get_settings


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Undo what the command does to this process's environment."""
    for name in ("DATA_DIR", "DEVICE", "TRAIN_MEMORY_SHARE", "REDIS_URL"):
        monkeypatch.setenv(f"SCRIPTORIUM_{name}", "")
        monkeypatch.delenv(f"SCRIPTORIUM_{name}")
    get_settings.cache_clear()


def test_a_machine_without_a_card_gets_one_sentence_and_a_status_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTORIUM_DEVICE", "cpu")
    result = CliRunner().invoke(command.app, ["gpu-check"])
    assert result.exit_code == 2
    assert "no NVIDIA card" in result.stderr
    assert result.stdout.splitlines()[-1].startswith("gpu: card=none lora_mfu=-")


def test_a_trial_on_the_cpu_takes_the_steps_that_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCRIPTORIUM_AXOLOTL_ENV", str(tmp_path / "no-axolotl"))
    output = tmp_path / "record"
    steps = [part for name in ("model", "lora", "merge") for part in ("--step", name)]
    result = CliRunner().invoke(
        command.app, ["gpu-check", "--device", "cpu", "--shape", "tiny", "-o", str(output), *steps]
    )
    assert result.exit_code == 0, result.output  # what is left out is no failure
    assert result.stdout.splitlines()[-1].startswith("gpu: card=cpu ")
    body = json.loads((output / "gpu-check.json").read_text())
    outcomes = {step["name"]: (step["outcome"], step["reason"]) for step in body["steps"]}
    assert outcomes["model"][0] == "done"
    assert outcomes["lora"] == ("left out", f"Axolotl is not installed in {tmp_path / 'no-axolotl'}")
    assert outcomes["merge"] == ("left out", "there is no adapter")
    assert not (output / "work").exists()


def test_an_unknown_step_is_a_usage_error() -> None:
    result = CliRunner().invoke(command.app, ["gpu-check", "--device", "cpu", "--step", "dance"])
    assert result.exit_code == 2
    assert "'dance' is none of" in result.output


def test_the_small_jobs_recipe_is_valid() -> None:
    recipe = parse_recipe(small_recipe(Settings()), "gpu-check")
    assert (recipe.training.max_steps, recipe.training.checkpoints) == (9, 1)


def test_a_phases_time_is_from_its_first_to_its_last_event() -> None:
    events = [
        {"message": "[DATA] Reading", "created_at": 10},
        {"message": "[DATA] Done", "created_at": 13},
        {"message": "queued", "created_at": 14},
        {"message": "[TRAIN] Starting", "created_at": 15},
        {"message": "[TRAIN] Complete", "created_at": 55},
    ]
    assert phase_seconds(events) == {"data_s": 3.0, "train_s": 40.0}
