"""Measure how the house is laid out and what its names are: `python -m tests.layout` (or `make layout`).

The last line sums it up: `layout: files=<n> folder_max=<n> class_names_reused=<n> private_words_per_kloc=<n>`.

- files: modules of the product (scriptorium/, services/, deploy/), packages' own `__init__` included.
- folder_max: the most modules in one folder, `__init__` excluded.
- class_names_reused: the share of the classes, in percent, whose name another class has, too. Tests and benches count.
- private_words_per_kloc: names that we bind and that are private words, per 1,000 lines of all our Python. A name is a
  variable, a parameter, an attribute, a function, a class or a module; what is exactly the word counts, and so does a
  constant that is nothing but a quantity without its noun. `WIRE` lists the exceptions: names that stand on the API, in
  a file's schema or in another project's signature, and may not change.

`tests/contract/test_layout.py` keeps the numbers. Add `--list` to see every occurrence.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
PRODUCT = ("scriptorium", "services", "deploy")
EVERYTHING = (*PRODUCT, "bench", "tests")

# Words that only we used where the field has its own (docs/adr/0023), and quantities without their noun.
PARTICIPLES = {"asked", "each", "found", "given", "held", "kept", "seen", "told"}
RENAMED = {"crew", "doubts", "drops", "hand_on", "leaks", "learn", "marked", "misfits", "mortal"}
RENAMED |= {"openings", "orders", "occurrences", "rooms", "strangers", "tie", "twins"}
RENAMED_CLASSES = {"Card", "Lost", "Rooms"}
BARE_CONSTANTS = {"APART", "ASK", "EACH", "ENOUGH", "EVERY", "FEW", "FEWEST", "HALF", "KEPT", "LEAST", "LONG"}
BARE_CONSTANTS |= {"LONGEST", "LOOK", "MORE", "MOST", "NARROWEST", "SHORT", "SHORTEST", "SHOWN", "SMALL", "SURE"}
BARE_CONSTANTS |= {"TINY", "TOLD", "WHOLE", "WIDEST"}
PRIVATE_WORDS = PARTICIPLES | RENAMED | RENAMED_CLASSES | BARE_CONSTANTS

# (file, name): fields of report.json and of `scriptorium doctor --json`, whose names others read and may not change.
WIRE = frozenset(
    {
        ("scriptorium/contracts/report/document.py", "kept"),
        ("scriptorium/contracts/report/retention.py", "asked"),
        ("scriptorium/contracts/report/voice.py", "seen"),
        ("scriptorium/doctor/check.py", "seen"),
    }
)


@dataclass(frozen=True)
class Occurrence:
    """One name that is bound in one line of one file."""

    path: Path
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.name}"


@dataclass(frozen=True)
class TreeLayout:
    """What the tree looks like; `aims_missed` compares it with what we hold ourselves to."""

    files: int
    folders: Counter[str]
    classes: dict[str, list[Occurrence]]
    private_words: list[Occurrence]
    lines: int

    @property
    def folder_max(self) -> int:
        return max(self.folders.values())

    @property
    def reused_classes(self) -> dict[str, list[Occurrence]]:
        return {name: occurrences for name, occurrences in self.classes.items() if len(occurrences) > 1}

    @property
    def class_names_reused(self) -> float:
        """The share of classes whose name is not theirs alone, in percent."""
        reused = sum(len(occurrences) for occurrences in self.reused_classes.values())
        return 100 * reused / sum(len(occurrences) for occurrences in self.classes.values())

    @property
    def private_words_per_kloc(self) -> float:
        return 1000 * len(self.private_words) / self.lines

    def __str__(self) -> str:
        return (
            f"layout: files={self.files} folder_max={self.folder_max} "
            f"class_names_reused={self.class_names_reused:.1f} private_words_per_kloc={self.private_words_per_kloc:.2f}"
        )


def modules(*roots: str) -> list[Path]:
    """Every Python file below the given folders of the project, relative to it."""
    return sorted(path.relative_to(PROJECT) for root in roots for path in (PROJECT / root).rglob("*.py"))


def bound_names(path: Path, tree: ast.Module) -> Iterator[Occurrence]:
    """Yield each name that a module binds, itself included: variables, parameters, attributes, functions, classes."""
    yield Occurrence(path, 1, path.stem)
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield Occurrence(path, node.lineno, name)
            case ast.arg(arg=name):
                yield Occurrence(path, node.lineno, name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield Occurrence(path, node.lineno, name)
            case ast.ImportFrom() | ast.Import():
                yield from (Occurrence(path, node.lineno, alias.asname) for alias in node.names if alias.asname)
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                yield Occurrence(path, node.lineno, name)


def measure() -> TreeLayout:
    """Read every module once and count."""
    folders = Counter(str(path.parent) for path in modules(*PRODUCT) if path.name != "__init__.py")
    classes: dict[str, list[Occurrence]] = {}
    private_words: list[Occurrence] = []
    lines = 0
    for path in modules(*EVERYTHING):
        text = (PROJECT / path).read_text(encoding="utf-8")
        lines += text.count("\n")
        tree = ast.parse(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                classes.setdefault(node.name, []).append(Occurrence(path, node.lineno, node.name))
        for occurrence in bound_names(path, tree):
            if occurrence.name in PRIVATE_WORDS and (str(path), occurrence.name) not in WIRE:
                private_words.append(occurrence)
    return TreeLayout(len(modules(*PRODUCT)), folders, classes, private_words, lines)


def main() -> None:
    """Print the numbers; with --list every occurrence that they are made of."""
    layout = measure()
    if "--list" in sys.argv:
        for occurrence in [
            *layout.private_words,
            *(occurrence for occurrences in layout.reused_classes.values() for occurrence in occurrences),
        ]:
            print(occurrence)
    for folder, count in layout.folders.most_common(5):
        print(f"{count:3} modules in {folder}")
    print(layout)


if __name__ == "__main__":
    main()
