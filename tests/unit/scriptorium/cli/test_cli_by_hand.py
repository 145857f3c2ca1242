"""Phases by hand refuse what they cannot use before they begin, and say what was wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from scriptorium.cli.main import app

RUNNER = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})
ENGINES = ["--base-url", "http://127.0.0.1:1", "--base", "b", "--tuned-url", "http://127.0.0.1:1", "--tuned", "t"]


@pytest.mark.parametrize("line", [["train", "none"], ["merge", "none"], ["evaluate", "none", ".", *ENGINES],
                                  ["evaluate", ".", "none", *ENGINES]])  # fmt: skip
def test_a_folder_that_is_not_there(tmp_path: Path, line: list[str]) -> None:
    found = RUNNER.invoke(app, [*line, "--output", str(tmp_path / "new")])
    assert found.exit_code == 2
    assert "'none' does not exist" in found.output
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--base-url", "--tuned-url"])
def test_an_address_that_nobody_can_ask(tmp_path: Path, option: str) -> None:
    line = ["evaluate", ".", ".", *ENGINES, option, "http://[::1", "--output", str(tmp_path / "new")]
    found = RUNNER.invoke(app, line)
    assert found.exit_code == 2
    assert option in found.output
    assert "must be an address such as http" in found.output
