"""docs/operations.md agrees with the compose files."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def page(project: Path) -> str:
    return (project / "docs" / "operations.md").read_text()


@pytest.fixture
def compose(project: Path) -> str:
    files = [*project.glob("compose*.yaml"), *(project / "deploy" / "compose").glob("*.yaml")]
    return "\n".join(path.read_text() for path in files)


def test_every_link_within_the_page_has_its_heading(page: str) -> None:
    headings = {
        re.sub(r"[^\w\s-]", "", title.lower()).replace(" ", "-")
        for title in re.findall(r"^## (.*)$", page, re.MULTILINE)
    }
    links = re.findall(r"\]\(#(.*?)\)", page)
    assert links
    assert set(links) <= headings


def test_every_link_to_a_file_has_its_file(page: str, project: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", page) if not link.startswith("http")]
    assert [link for link in links if not (project / "docs" / link).exists()] == []


def test_the_variables_are_those_of_the_compose_files_with_their_defaults(page: str, compose: str) -> None:
    rows = re.findall(r"^\| (`[A-Z_]+`(?:, `[A-Z_]+`)*) \| (.*?) \|", page, re.MULTILINE)
    assert len(rows) >= 5
    for names, defaults in rows:
        for name, default in zip(names.split(", "), defaults.split(", ") * 3, strict=False):
            plain = default.strip("`")
            is_value = re.fullmatch(r"[\d.]+g?", plain)
            expected = f"${{{name.strip('`')}:-{plain}}}" if is_value else name.strip("`")
            assert expected in compose, expected


def test_services_and_volumes_are_those_of_the_compose_files(page: str, project: Path) -> None:
    body: dict[str, Any] = yaml.safe_load((project / "compose.yaml").read_text())
    listed = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| (?:`/\w+`)? ?\|", page, re.MULTILINE)
    assert {name.strip("`") for row in listed for name in row.split(", ")} == set(body["volumes"])
    cpu: dict[str, Any] = yaml.safe_load((project / "compose.cpu.yaml").read_text())
    for name in re.findall(r"docker compose (?:exec|run --rm --no-deps|stop|logs -f --tail 100) ([\w-]+)", page):
        assert name in {**body["services"], **cpu["services"]}
    assert {"trainer-cpu", "server-cpu", "demo-assets"} <= set(cpu["services"])


def test_a_stop_takes_as_long_as_the_page_says(page: str, project: Path) -> None:
    base: dict[str, Any] = yaml.safe_load((project / "deploy" / "compose" / "base.yaml").read_text())
    trainer = base["services"]["trainer"]
    assert (trainer["stop_grace_period"], "150 seconds" in page) == ("150s", True)
    assert (trainer["environment"]["SCRIPTORIUM_STOP_GRACE"], "two minutes" in " ".join(page.split())) == ("PT2M", True)
