"""Phases by hand refuse unusable input before they begin, and report what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from scriptorium.cli.main import app

RUNNER = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})
ENGINES = ["--base-url", "http://127.0.0.1:1", "--base", "b", "--tuned-url", "http://127.0.0.1:1", "--tuned", "t"]


@pytest.mark.parametrize("line", [["train", "none"], ["merge", "none"], ["calibrate", ".", "none"],
                                  ["evaluate", "none", ".", *ENGINES],
                                  ["evaluate", ".", "none", *ENGINES]])  # fmt: skip
def test_a_missing_folder(tmp_path: Path, line: list[str]) -> None:
    result = RUNNER.invoke(app, [*line, "--output", str(tmp_path / "new")])
    assert result.exit_code == 2
    assert "'none' does not exist" in result.output
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("option", ["--base-url", "--tuned-url"])
def test_an_invalid_address(tmp_path: Path, option: str) -> None:
    line = ["evaluate", ".", ".", *ENGINES, option, "http://[::1", "--output", str(tmp_path / "new")]
    result = RUNNER.invoke(app, line)
    assert result.exit_code == 2
    assert option in result.output
    assert "must be an address such as http" in result.output
