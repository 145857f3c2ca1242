import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scriptorium.cli import main as command
from scriptorium.cli import phases
from scriptorium.settings import Settings
from tests.unit.scriptorium.cli.upload_client import UploadClient


def test_impostors_go_along_with_the_book(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client = UploadClient()
    monkeypatch.setattr("scriptorium.cli.app.open_client", lambda settings: client)
    (tmp_path / "others" / "twain").mkdir(parents=True)
    (tmp_path / "others" / "twain" / "one.txt").write_text("It was.")
    (tmp_path / "book.txt").write_text("It was.")
    line = ["run", str(tmp_path / "book.txt"), "--impostors", str(tmp_path / "others"), "--detach"]
    assert CliRunner().invoke(command.app, line).exit_code == 0
    assert client.names == ["twain/one.txt"]
    assert (client.body["training_file"], client.body["impostors"]) == ("file-book.txt", "file-others.zip")


@pytest.mark.parametrize(("strength", "accepted"), [("0.75", True), ("2", True), ("0", False), ("2.5", False)])
def test_a_strength_goes_along_with_the_book(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, strength: str, accepted: bool
) -> None:
    client = UploadClient()
    monkeypatch.setattr("scriptorium.cli.app.open_client", lambda settings: client)
    (tmp_path / "book.txt").write_text("It was.")
    result = CliRunner().invoke(command.app, ["run", str(tmp_path / "book.txt"), "--strength", strength, "--detach"])
    assert (result.exit_code, client.body.get("strength")) == ((0, float(strength)) if accepted else (2, None))


def test_the_folder_of_the_settings_is_filled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(phases, "get_settings", lambda: Settings(data_dir=tmp_path, impostors_dir=None))
    monkeypatch.setattr("scriptorium.local.impostors.install", lambda folder: {folder.name: 1})
    result = CliRunner().invoke(command.app, ["impostors", "install", "--json"])
    assert json.loads(result.stdout) == {"impostors": 1}
