"""The pages of a blind reading. The templates escape everything, because books and models are not trusted.

No page loads anything: its style and its few lines of script carry the nonce of the Content-Security-Policy.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from fastapi.responses import HTMLResponse

from scriptorium.errors import ScriptoriumError
from scriptorium.html.paragraphs import split_paragraphs
from scriptorium.html.templates import page_templates
from services.api.blind_reading.answers import Choice, ReaderAnswer
from services.api.blind_reading.blind_reading import MAX_NAME_LENGTH, BlindReading, Question
from services.api.blind_reading.score_plot import draw_scores
from services.api.blind_reading.tally import Tally

ISOLATION_POLICY = "frame-ancestors 'none'; base-uri 'none'"
CHOICE_NAMES: dict[Choice, str] = {"tuned": "tuned", "base": "base", "cannot_tell": "can’t tell"}


def show_begin(reading: BlindReading, total: int) -> HTMLResponse:
    """Show the first page: what a blind reading is, and a field for the reader's name."""
    return _respond("begin", reading=reading, total=total, max_length=MAX_NAME_LENGTH)


def show_question(reading: BlindReading, question: Question, reader: str, answered: int, total: int) -> HTMLResponse:
    """Show a genuine passage, two texts without names, and two questions."""
    return _respond("question", reading=reading, question=question, reader=reader, answered=answered, total=total)


def show_end(reading: BlindReading, reader: str, answers: Sequence[ReaderAnswer], tally: Tally) -> HTMLResponse:
    """Show what the reader chose, now with names, and what all readers chose."""
    result = next(entry for entry in tally.readers if entry.reader == reader)
    return _respond(
        "end",
        reading=reading,
        result=result,
        answers=answers,
        tally=tally,
        plot=draw_scores(result),
        names=CHOICE_NAMES,
    )


def show_error(error: ScriptoriumError) -> HTMLResponse:
    """Show what went wrong."""
    return _respond("error", status=error.status, message=str(error), next_step=error.next_step)


def render_section(tally: Tally, *, linked: bool) -> str:
    """Render the tally as a section of the report, with links if the page is served."""
    return TEMPLATES.get_template("section.html.j2").render(tally=tally, plot=draw_scores(tally), linked=linked)


def _respond(template: str, status: int = 200, **values: object) -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    page = TEMPLATES.get_template(f"{template}.html.j2").render(nonce=nonce, **values)
    sources = f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'"
    policy = f"{sources}; form-action 'self'; {ISOLATION_POLICY}"
    return HTMLResponse(page, status, security_headers(policy))


def security_headers(policy: str) -> dict[str, str]:
    """Return the headers of a page that holds texts of others and differs from reader to reader."""
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def _unbroken(text: str) -> str:
    """Put no-break spaces between signs and their numbers."""
    for breakable, unbroken in ((" %", "\u00a0%"), ("p = ", "p\u00a0=\u00a0"), ("p < ", "p\u00a0<\u00a0")):
        text = text.replace(breakable, unbroken)
    return text


TEMPLATES = page_templates(Path(__file__).parent, paragraphs=split_paragraphs, unbroken=_unbroken)
