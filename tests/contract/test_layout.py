"""The tree and its names stay as ADR 0023 says: small folders, unique class names, plain names and docstrings."""

import ast
import doctest
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.layout import PRODUCT, WIRE, measure, modules

NOT_A_VERB = {
    "A",
    "All",
    "An",
    "Any",
    "Both",
    "Each",
    "Every",
    "How",
    "No",
    "One",
    "Some",
    "That",
    "The",
    "This",
    "What",
}
NOT_A_VERB |= {"When", "Where", "Whether", "Which", "Who", "Why"}
WITH_EXAMPLES = (
    "scriptorium.text.words",
    "scriptorium.text.ngrams",
    "scriptorium.stats.bootstrap",
    "scriptorium.stats.wilson",
    "scriptorium.text.briefs",
    "scriptorium.manuscript_types",
)
MAX_DOC_LINE = 120


def functions(path: Path) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    """Yield the documented functions of a module that are no properties, with their docstrings."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = {ast.unparse(decorator).split(".")[-1] for decorator in node.decorator_list}
            docstring = ast.get_docstring(node)
            if docstring and not decorators & {"property", "cached_property"}:
                yield node, docstring


def test_the_numbers_hold() -> None:
    layout = measure()
    assert layout.folder_max <= 15, layout.folders.most_common(3)
    assert layout.class_names_reused <= 2.0, sorted(layout.reused_classes)
    assert layout.private_words_per_kloc <= 0.5, [str(occurrence) for occurrence in layout.private_words]


def test_every_exception_is_still_needed(project: Path) -> None:
    for path, name in WIRE:
        assert re.search(rf"^    {name}\b", (project / path).read_text(), re.MULTILINE), (path, name)


def test_every_package_says_what_lives_there(project: Path) -> None:
    packages = [project / path for path in modules(*PRODUCT) if path.name == "__init__.py"]
    assert [str(path) for path in packages if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_a_functions_docstring_opens_with_a_verb(project: Path) -> None:
    first_words = [
        (str(path), node.lineno, docstring.split()[0])
        for path in modules(*PRODUCT, "bench")
        for node, docstring in functions(project / path)
    ]
    assert [first_word for first_word in first_words if first_word[2].strip(",.:") in NOT_A_VERB] == []


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_in_docstrings_are_true(name: str) -> None:
    module = importlib.import_module(name)
    result = doctest.testmod(module)
    assert result.attempted
    assert result.failed == 0


def test_lines_of_documents_are_short(project: Path) -> None:
    pages = [*project.glob("*.md"), *project.glob("docs/*.md"), *project.glob("docs/adr/*.md")]
    long = []
    for page in pages:
        in_code = False
        for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), start=1):
            in_code ^= line.lstrip().startswith("```")
            free = in_code or line.startswith(("    ", "|", "!["))  # code, a table's row and a picture cannot be broken
            if len(line) > MAX_DOC_LINE and not free:
                long.append(f"{page.name}:{number}")
    assert long == []
