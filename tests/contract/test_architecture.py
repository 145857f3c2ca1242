"""The architecture page shows the code as it is: its picture, its packages, and files that exist."""

import re
from pathlib import Path

import pytest

from tests.architecture import BLOCK, draw_journey

PATHS = re.compile(r"`((?:scriptorium|services|tests|deploy|recipes|docs)/[\w/.-]+)`")


def test_the_picture_is_drawn_from_the_code(project: Path) -> None:
    page = (project / "docs" / "architecture.md").read_text()
    pictures = BLOCK.findall(page)
    assert pictures == [draw_journey()]


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/glossary.md"])
def test_every_path_on_the_page_exists(name: str, project: Path) -> None:
    paths = PATHS.findall((project / name).read_text())
    assert [path for path in paths if not (project / path).exists()] == []


def test_every_room_is_on_the_page(project: Path) -> None:
    page = (project / "docs" / "architecture.md").read_text()
    packages = [path.parent.name for path in project.glob("services/*/__init__.py")]
    packages += [path.parent.name for path in project.glob("scriptorium/*/__init__.py")]
    assert [room for room in packages if room not in page] == []
