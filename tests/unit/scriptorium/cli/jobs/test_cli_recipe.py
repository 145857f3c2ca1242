"""Which recipe the command line sends or uses, and with which values."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from scriptorium.cli import by_hand
from scriptorium.cli.main import app
from scriptorium.errors import InvalidRecipe
from scriptorium.settings import Settings
from tests.unit.scriptorium.cli.upload_client import UploadClient


def send(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *options: str) -> dict[str, Any]:
    client = UploadClient()
    monkeypatch.setattr("scriptorium.cli.app.open_client", lambda settings: client)
    book = tmp_path / "book.txt"
    book.write_text("It was.")
    result = CliRunner().invoke(app, ["run", str(book), "--detach", *options])
    assert result.exit_code == 0, result.output
    return client.body


def test_without_a_recipe_the_api_chooses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert "recipe" not in send(monkeypatch, tmp_path)
    assert send(monkeypatch, tmp_path, "--recipe", "lora")["recipe"] == "lora"
    monkeypatch.setattr("scriptorium.cli.jobs.run.get_settings", lambda: Settings(default_recipe="qlora"))
    assert send(monkeypatch, tmp_path)["recipe"] == "qlora"


def test_set_values_are_sent_as_overrides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    body = send(monkeypatch, tmp_path, "--set", "training.num_epochs=5", "--set", "data.prompt=brief")
    assert body["overrides"] == {"training": {"num_epochs": 5}, "data": {"prompt": "brief"}}
    assert "overrides" not in send(monkeypatch, tmp_path)


def test_by_hand_a_machine_without_a_gpu_takes_the_recipe_cpu() -> None:
    settings = Settings(device="cpu")
    assert by_hand.resolve_recipe(None, settings).name == "cpu"
    assert by_hand.resolve_recipe("lora", settings, ["training.lora_r=8"]).training.lora_r == 8
    with pytest.raises(InvalidRecipe, match=r"overrides\.training\.rank"):
        by_hand.resolve_recipe(None, settings, ["training.rank=8"])
