"""The boards fit the types that Grafana publishes: dashboard, panel options and field settings, no unknown keys."""

import copy
import fcntl
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from deploy.monitoring.live import read_boards

SOURCES = Path(__file__).parent / "grafana_schema"
BOARDS = {board["title"]: board for board in read_boards(gpu=True)}


@pytest.fixture(scope="module")
def validator(project: Path) -> Draft7Validator:
    """A JSON schema, made of the TypeScript types in Grafana's own npm package. The package is fetched once."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("NOT CHECKED: node and npm are not installed, so Grafana's published types cannot be read")
    folder = project / "build" / "grafana_schema"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:  # tests run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        fetch_types(folder)
        return Draft7Validator(generate_schema(folder))


def fetch_types(folder: Path) -> None:
    """Fetch Grafana's package with npm, unless it is there already."""
    fetched = folder / "fetched.json"
    for source in SOURCES.iterdir():
        shutil.copy(source, folder)
    package = (SOURCES / "package.json").read_text("utf-8")
    if not fetched.exists() or fetched.read_text("utf-8") != package:
        result = run(["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
        if result.returncode:
            pytest.skip(f"NOT CHECKED: npm could not fetch Grafana's published types: {result.stderr.strip()[-300:]}")
        fetched.write_text(package, "utf-8")


def generate_schema(folder: Path) -> dict:
    """Make a JSON schema of the fetched types."""
    generator = ["node", "node_modules/ts-json-schema-generator/bin/ts-json-schema-generator.js"]
    options = ["--path=board.ts", "--tsconfig=tsconfig.json", "--type=Board", "--expose=none", "--out=schema.json"]
    result = run([*generator, *options], folder)
    assert result.returncode == 0, result.stderr
    return dict(json.loads((folder / "schema.json").read_text("utf-8")))


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder."""
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=300)


def find_problems(validator: Draft7Validator, board: dict) -> list[str]:
    """Return what does not fit, with its place; of the kinds of panel only the one that the panel names counts."""
    problems = []
    for error in validator.iter_errors(board):
        causes = [cause for cause in error.context or [] if list(cause.path) != ["type"]]
        types = {cause.schema_path[0] for cause in error.context or [] if list(cause.path) == ["type"]}
        causes = [cause for cause in causes if cause.schema_path[0] not in types] or [error]
        problems += [f"{list(cause.absolute_path)}: {cause.message[:300]}" for cause in causes]
    return problems


@pytest.mark.parametrize("title", BOARDS)
def test_the_board_fits_grafanas_types(title: str, validator: Draft7Validator) -> None:
    assert find_problems(validator, BOARDS[title]) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["refresh"], 10),
        (["panels", 0, "options", "textMode"], "loud"),
        (["panels", 7, "options", "colour"], "red"),
        (["panels", 7, "fieldConfig", "defaults", "custom", "lineInterpolation"], "wobbly"),
        (["panels", 7, "type"], "graph"),
    ],
)
def test_a_board_that_does_not_fit_is_detected(
    path: list[str | int], value: object, validator: Draft7Validator
) -> None:
    board = copy.deepcopy(BOARDS["Training"])
    node = board
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    assert find_problems(validator, board)
