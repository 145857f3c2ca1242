"""Tables: figures and lists are not prose, but a table with prose is the layout of a page."""

from __future__ import annotations

from services.data.readers.structure import Structure

MIN_PROSE_WORDS = 40  # in a table's longest paragraph


def drop_table(structure: Structure, start: int) -> None:
    """Leave out what a table has added to a structure since it had `start` pieces, unless there is prose in it."""
    if all(text.count(" ") < MIN_PROSE_WORDS for _, text in structure.pieces[start:]):
        del structure.pieces[start:]
        structure.left_out["tables"] += 1
