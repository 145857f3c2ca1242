"""Every command of ours that a document shows is one that exists, with options that it has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from scriptorium.cli.main import app

COMMAND = re.compile(
    r"(?:^\s*(?:\$ )?|[`(]|&& |exec \S+ )(?:\.venv/bin/)?(?:python -m )?scriptorium ([^`\n#|>&;)]+)", re.M
)
MAKE = re.compile(r"(?:^\s*(?:\$ )?|`)(?:\w+=\S+ )*make ([a-z-]+)", re.M)
FENCE = re.compile(r"^ *```.*?^ *```", re.M | re.S)
SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
PLACEHOLDER = re.compile(r"[A-Z_]+|\.\.\.|<.*>|…")
HISTORY = {"experiments.md"}  # says what was run at its time


def list_pages() -> list[Path]:
    """Return the documents that tell a user what to type."""
    project = Path(__file__).parents[2]
    pages = [project / "README.md", project / "CONTRIBUTING.md", *sorted((project / "docs").glob("*.md"))]
    return [page for page in pages if page.name not in HISTORY]


def list_code(page: Path) -> Iterator[str]:
    """Yield the blocks of code of a page, and what stands between backticks, on one line each."""
    text = page.read_text("utf-8")
    yield from (fence.group() for fence in FENCE.finditer(text))
    yield from (f"`{' '.join(span.split())}`" for span in SPAN.findall(FENCE.sub("", text)))


def find_command(words: list[str]) -> tuple[Any, list[str]]:
    """Return the command that words name, and the words behind its name, up to those for another program."""
    command: Any = typer.main.get_command(app)
    words = words[: words.index("--")] if "--" in words else words
    while words and words[0] in getattr(command, "commands", {}):
        command, words = command.commands[words[0]], words[1:]
    return command, words


def check_command(line: str) -> str:
    """Return what is wrong with a command line; empty if nothing is."""
    try:
        words = shlex.split(line.replace("\\\n", " "))
    except ValueError:
        words = line.split()
    command, rest = find_command(words)
    named = [word for word in rest if not word.startswith("-")]
    if hasattr(command, "commands") and named and not PLACEHOLDER.fullmatch(named[0]):
        return f"there is no command {named[0]!r}"
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [
        word for word in rest if word.startswith("-") and word.partition("=")[0] not in {*options, "--help", "-"}
    ]
    return f"{command.name} has no {' '.join(unknown)}" if unknown else ""


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: page.name)
def test_every_command_of_a_page_can_be_typed(page: Path) -> None:
    lines = [line for code in list_code(page) for line in COMMAND.findall(code)]
    assert {line: problem for line in lines if (problem := check_command(line))} == {}


@pytest.mark.parametrize("page", list_pages(), ids=lambda page: page.name)
def test_every_make_target_of_a_page_exists(page: Path, project: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (project / "Makefile").read_text("utf-8"), re.M))
    assert {target for code in list_code(page) for target in MAKE.findall(code)} - targets == set()


def test_commands_are_found_and_mistakes_are_seen() -> None:
    lines = [line for page in list_pages() for code in list_code(page) for line in COMMAND.findall(code)]
    assert len(lines) > 100
    assert check_command("rnu book.txt") == "there is no command 'rnu'"
    assert check_command("keys create laptop --scopes read") == "create has no --scopes"
    assert check_command("run my-book.txt --suffix my-voice") == ""
