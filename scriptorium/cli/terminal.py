"""What the commands print: two consoles that pass no control character on, tables that never cut an id, and JSON.

Titles, file names and messages come from manuscripts and models. A terminal obeys the escape sequences in what it
shows, so they are removed from every piece of text, in one place: where rich renders it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from scriptorium.process.control_characters import clean

GAP = 2  # columns between two cells
MIN_FOLDED_WIDTH = 8  # columns: narrower than this nobody reads a folded cell
ID_COLUMNS = ("id", "job", "file", "model", "tuned model", "engine", "pid")


class SafeConsole(Console):
    """A console that takes every text as it is: no markup, no emoji codes, no control characters."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does, with clean texts; control segments are rich's own."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(clean(segment.text), segment.style)


out = SafeConsole()
err = SafeConsole(stderr=True)


def tabulate(columns: Mapping[str, Sequence[Any]], console: Console = out) -> None:
    """Print columns under their names; nothing if there are no rows. Cells fold, but an id stays whole in its line.

    A program that reads the table gets each row in a line.
    """
    if not next(iter(columns.values())):
        return
    cells = {name: [clean(str(cell)) for cell in column] for name, column in columns.items()}
    longest = {name: max(map(cell_len, (name, *column))) for name, column in cells.items()}
    least = sum(size if name in ID_COLUMNS else min(size, MIN_FOLDED_WIDTH) for name, size in longest.items())
    gaps, natural = GAP * (len(cells) - 1), sum(longest.values())
    width = max(min(natural + gaps, console.width), least + gaps) if console.is_terminal else natural + gaps
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, GAP, 0, 0), width=width)
    for name in cells:
        table.add_column(Text(name), no_wrap=name in ID_COLUMNS, overflow="fold")
    for row in zip(*cells.values(), strict=True):
        table.add_row(*map(Text, row))
    console.print(table, soft_wrap=False, crop=False)


def show(body: Any, as_json: bool, text: str) -> None:
    """Print the body as JSON, or the text."""
    out.out(json.dumps(body, indent=2) if as_json else text)


def show_json(body: Any) -> None:
    """Print a body as JSON."""
    show(body, True, "")
