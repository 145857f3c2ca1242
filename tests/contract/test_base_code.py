"""No loader of ours may run Python files that a base model's folder brings: each says so in words."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SWITCH = "trust_remote_code"


def find_loaders(source: str) -> Iterator[tuple[int, bool]]:
    """Yield the line of each call that transformers would load a folder's code in, and whether it is switched off."""
    tree = ast.parse(source)
    in_options = any(
        isinstance(key, ast.Constant)
        and key.value == SWITCH
        and isinstance(value, ast.Constant)
        and value.value is False
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key, value in zip(node.keys, node.values, strict=True)
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "from_pretrained":
            if not ast.unparse(node.func.value).rpartition(".")[2].startswith("Auto"):
                continue  # peft's loader reads an adapter, which has no code
            values = {keyword.arg: keyword.value for keyword in node.keywords}
            value = values.get(SWITCH)
            by_name = isinstance(value, ast.Constant) and value.value is False
            yield node.lineno, by_name or (None in values and in_options)


def test_every_loader_says_that_a_base_brings_no_code(project: Path) -> None:
    files = [path for package in ("scriptorium", "services") for path in (project / package).rglob("*.py")]
    loaders = [(path.name, *loader) for path in files for loader in find_loaders(path.read_text())]
    assert len(loaders) >= 8
    assert [f"{name}:{line}" for name, line, is_off in loaders if not is_off] == []
    assert not any(f"{SWITCH}=True" in path.read_text() for path in files)


@pytest.mark.parametrize(
    ("call", "is_off"),
    [
        ("AutoModel.from_pretrained(folder)", False),
        ("AutoModel.from_pretrained(folder, trust_remote_code=True)", False),
        ("transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)", True),
        ("AutoModel.from_pretrained(folder, **{'trust_remote_code': False})", True),
        ("AutoModel.from_pretrained(folder, **{'trust_remote_code': True})", False),
    ],
)
def test_the_look_finds_a_loader_that_does_not(call: str, is_off: bool) -> None:
    assert [off for _, off in find_loaders(call)] == [is_off]
