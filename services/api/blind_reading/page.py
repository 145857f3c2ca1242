"""The pages of a blind reading."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fastapi.responses import HTMLResponse

from services.api.blind_reading.answers import Choice, ReaderAnswer
from services.api.blind_reading.blind_reading import MAX_NAME_LENGTH, BlindReading, Question
from services.api.blind_reading.score_plot import draw_scores
from services.api.blind_reading.tally import Tally
from services.api.pages.page import render_page, room_templates

CHOICE_NAMES: dict[Choice, str] = {"tuned": "tuned", "base": "base", "cannot_tell": "can’t tell"}


def show_begin(reading: BlindReading, total: int) -> HTMLResponse:
    """Show the first page: what a blind reading is, and a field for the reader's name."""
    return render_page(TEMPLATES, "begin", reading=reading, total=total, max_length=MAX_NAME_LENGTH)


def show_question(reading: BlindReading, question: Question, reader: str, answered: int, total: int) -> HTMLResponse:
    """Show a genuine passage, two texts without names, and two questions."""
    return render_page(
        TEMPLATES, "question", reading=reading, question=question, reader=reader, answered=answered, total=total
    )


def show_end(reading: BlindReading, reader: str, answers: Sequence[ReaderAnswer], tally: Tally) -> HTMLResponse:
    """Show what the reader chose, now with names, and what all readers chose."""
    result = next(entry for entry in tally.readers if entry.reader == reader)
    return render_page(
        TEMPLATES,
        "end",
        reading=reading,
        result=result,
        answers=answers,
        tally=tally,
        plot=draw_scores(result),
        names=CHOICE_NAMES,
    )


def render_section(tally: Tally, *, linked: bool) -> str:
    """Render the tally as a section of the report, with links if the page is served."""
    return TEMPLATES.get_template("section.html.j2").render(tally=tally, plot=draw_scores(tally), linked=linked)


def _unbroken(text: str) -> str:
    """Put no-break spaces between signs and their numbers."""
    for breakable, unbroken in ((" %", "\u00a0%"), ("p = ", "p\u00a0=\u00a0"), ("p < ", "p\u00a0<\u00a0")):
        text = text.replace(breakable, unbroken)
    return text


TEMPLATES = room_templates(Path(__file__).parent, unbroken=_unbroken)
