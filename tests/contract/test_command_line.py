"""The page on the command line has every command, its exit statuses and nothing that is gone."""

import re
from pathlib import Path

from scriptorium.cli.failures import ExitStatus
from scriptorium.cli.main import app

ELSEWHERE = {"impostors"}  # a group of its own, in the README and docs/evaluation.md
GROUPS = {"keys", "webhooks", "notices"}


def test_every_command_is_on_the_page(project: Path) -> None:
    page = (project / "docs" / "cli.md").read_text()
    names = {info.name or str(info.callback and info.callback.__name__) for info in app.registered_commands}
    table = "\n".join(line for line in page.splitlines() if line.startswith("| "))
    mentioned = {words.split()[0] for words in re.findall(r"`([a-z][^`]*)`", table)}
    assert names - mentioned == set()
    assert {info.name for info in app.registered_groups} == ELSEWHERE | GROUPS
    for info in app.registered_groups:
        if info.name in GROUPS and info.typer_instance:
            commands = info.typer_instance.registered_commands
            for command in (entry.name or str(entry.callback and entry.callback.__name__) for entry in commands):
                assert f"`{info.name} {command}" in table


def test_every_exit_status_is_on_the_page(project: Path) -> None:
    page = (project / "docs" / "cli.md").read_text()
    assert [int(number) for number in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)] == sorted(ExitStatus)
