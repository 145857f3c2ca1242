"""Nothing in the data reaches a terminal as a command to it, and no table cuts an id."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from rich.text import Text

from scriptorium.cli.main import run
from scriptorium.cli.terminal import SafeConsole, tabulate
from tests.unit.scriptorium.cli.api_bodies import FILE, JOB, make_job, page
from tests.unit.scriptorium.cli.conftest import UseApi

EVIL = "\x1b]0;owned\x07\x1b[2Jbook\x9b31m\u202etxt\r"


class Terminal(io.StringIO):
    """A terminal that keeps what is written."""

    def isatty(self) -> bool:
        return True


def terminal(width: int) -> SafeConsole:
    console = SafeConsole()
    console.file = Terminal()
    console._force_terminal, console._width, console.no_color = True, width, True
    return console


def written(console: SafeConsole) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("text", [EVIL, Text(EVIL), "file-\udce9.txt"])
def test_no_control_character_is_passed_on(text: Any) -> None:
    console = terminal(80)
    console.print(text)
    console.out(str(text))
    tabulate({"name": [text]}, console)
    output = written(console)
    assert not set(output) & set("\x1b\x07\x9b\u202e\r\udce9")
    assert "book" in output or "file-" in output


def test_text_is_no_markup() -> None:
    console = terminal(80)
    console.print("[/nothing] :smile: [red]x")
    assert written(console) == "[/nothing] :smile: [red]x\n"


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_table_folds_text_and_never_cuts_an_id(width: int) -> None:
    console = terminal(width)
    tabulate({"job": [JOB], "title": ["a very long title " * 9], "model": [f"ft:base:{'x' * 30}"]}, console)
    output = written(console)
    assert JOB in output
    assert f"ft:base:{'x' * 30}" in output
    assert "…" not in output
    assert "".join(output.split()).count("long") == 9


def test_six_columns_with_an_id_fit_the_usual_terminal() -> None:
    console = terminal(80)
    tabulate({"job": [JOB], **{name: ["some words that fold"] for name in ("title", "book", "a", "b", "c")}}, console)
    assert max(map(len, written(console).splitlines())) <= 80


def test_a_program_gets_a_row_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    tabulate({"job": [JOB], "title": ["a very long title " * 9]})
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_titles_and_file_names_of_jobs_are_clean(use_api: UseApi, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1/files"):
            return httpx.Response(200, json={"id": FILE, "filename": EVIL})
        return httpx.Response(200, json=page(make_job()))

    use_api(answer)
    assert run(["jobs"]) == 0
    output = capsys.readouterr().out
    assert "\x1b" not in output
    assert JOB in output
    assert "book31mtxt" in output
