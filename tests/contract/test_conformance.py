"""The cases of `make conformance` are what they claim: many, of one rule each, and independent of our code."""

import ast
import sys
from pathlib import Path

import pytest

from tests.conformance.cases.__main__ import NO_CASES, find_cases

CASES = Path(__file__).parents[1] / "conformance" / "cases"
ALLOWED = {*sys.stdlib_module_names, "openai", "tests"}


def test_there_are_at_least_eighty_cases_and_each_names_its_rule() -> None:
    cases = dict(find_cases())
    assert len(cases) >= 80
    assert [name for name, case in cases.items() if not (case.__doc__ or "").strip()] == []
    docs = [case.__doc__ for case in cases.values()]
    assert len(set(docs)) >= len(docs) - 2  # files and jobs are paged by the same rule


@pytest.mark.parametrize("path", sorted(CASES.glob("*.py")), ids=lambda path: path.name)
def test_a_case_imports_the_client_and_the_standard_library_alone(path: Path) -> None:
    nodes = list(ast.walk(ast.parse(path.read_text("utf-8"))))
    modules = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    assert {module.split(".")[0] for module in modules} <= ALLOWED
    assert {module for module in modules if module.startswith("tests")} <= {"tests.conformance.cases.wire"}


def test_every_module_has_cases() -> None:
    modules = {name.split(".")[0] for name, _ in find_cases()}
    assert {path.stem for path in CASES.glob("*.py")} - NO_CASES - {"__init__"} == modules
