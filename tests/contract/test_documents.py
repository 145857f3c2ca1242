"""The documentation lists every setting, make target and decision."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scriptorium.settings import Settings

TEXT_SUFFIXES = (".py", ".md", ".yaml", ".txt", ".toml")
SETTINGS = [f"SCRIPTORIUM_{name.upper()}" for name in Settings.model_fields]


def test_every_setting_is_documented_with_its_meaning(project: Path) -> None:
    rows = (project / "docs" / "settings.md").read_text()
    listed = re.findall(r"^\| `(SCRIPTORIUM_\w+)` \|", rows, re.MULTILINE)
    assert listed == SETTINGS
    for field in Settings.model_fields.values():
        assert field.description
        assert field.description in rows


def test_the_example_environment_lists_every_setting_and_changes_none(project: Path) -> None:
    lines = (project / ".env.example").read_text().splitlines()
    assert re.findall(r"^# (SCRIPTORIUM_\w+)=", "\n".join(lines), re.MULTILINE) == SETTINGS
    assert [line for line in lines if line and not line.startswith("#")] == ["REDIS_PASSWORD=", "GRAFANA_PASSWORD="]


def test_every_make_target_says_what_it_does(project: Path) -> None:
    makefile = (project / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    described = set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE))
    assert targets == described


def test_every_decision_is_listed(project: Path) -> None:
    folder = project / "docs" / "adr"
    index = (folder / "README.md").read_text()
    pages = sorted(path.name for path in folder.glob("0*.md"))
    assert re.findall(r"\]\((0.*?\.md)\)", index) == pages
    for page in pages:
        assert all(f"**{part}.**" in (folder / page).read_text() for part in ("Decision", "Why", "Cost"))


def test_the_readme_begins_with_the_two_commands(project: Path) -> None:
    text = (project / "README.md").read_text()
    assert text.index("make demo") < text.index("make test") < 2000


def text_files(project: Path) -> Iterator[Path]:
    """Yield our own text files; what is installed or built is never entered, because it is a hundred thousand files."""
    for folder, folders, names in os.walk(project):
        folders[:] = [name for name in folders if name not in {".venv", ".envs", "build", ".git"}]
        yield from (Path(folder, name) for name in names if name.endswith(TEXT_SUFFIXES) or name == "Makefile")


def test_nothing_is_committed_that_only_one_machine_has(project: Path) -> None:
    ours = list(text_files(project))
    assert project / "Makefile" in ours
    hosts = re.compile("files[.]python" + "hosted|py" + "pi[.]org|/ro" + "ot/|--find-" + "links /")
    assert [str(path) for path in ours if hosts.search(path.read_text("utf-8", errors="replace"))] == []


@pytest.mark.parametrize("name", ["reliability", "security"])
def test_every_test_that_a_page_of_promises_names_exists(name: str, project: Path) -> None:
    page = (project / "docs" / f"{name}.md").read_text()
    names = set(re.findall(r"`(test_\w+)`", page))
    sources = "\n".join(path.read_text() for path in (project / "tests").rglob("test_*.py"))
    assert names
    assert {name for name in names if f"def {name}(" not in sources} == set()


def test_every_threat_and_promise_on_the_page_on_security_names_a_test(project: Path) -> None:
    rows = re.findall(r"^\| (?!threat|promise|---).*$", (project / "docs" / "security.md").read_text(), re.MULTILINE)
    assert len(rows) > 40
    assert [row for row in rows if not re.search(r"`test_\w+`", row.rpartition(" | ")[2])] == []


def test_the_page_on_reliability_has_every_invariant(project: Path) -> None:
    page = (project / "docs" / "reliability.md").read_text()
    assert re.findall(r"^\| (\d) \|", page, re.MULTILINE) == [str(number) for number in range(1, 8)]
