"""The pages of a blind reading. The templates escape everything, because books and models are not trusted.

No page loads anything: its style and its few lines of script carry a nonce that the Content-Security-Policy names.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from fastapi.responses import HTMLResponse

from scriptorium.errors import ScriptoriumError
from scriptorium.html.paragraphs import split_paragraphs
from scriptorium.html.templates import page_templates
from services.api.blind_reading.answers import Answer, Choice
from services.api.blind_reading.blind_reading import NAME, Question, Reading
from services.api.blind_reading.score_plot import draw_scores
from services.api.blind_reading.tally import Tally

ALONE = "frame-ancestors 'none'; base-uri 'none'"
NAMES: dict[Choice, str] = {"tuned": "tuned", "base": "base", "cannot_tell": "can’t tell"}


def show_begin(reading: Reading, total: int) -> HTMLResponse:
    """The first page: what it is about, and the reader's name."""
    return _respond("begin", reading=reading, total=total, longest=NAME)


def show_question(reading: Reading, question: Question, reader: str, answered: int, total: int) -> HTMLResponse:
    """A genuine passage, two texts without names, and two questions."""
    return _respond("question", reading=reading, question=question, reader=reader, answered=answered, total=total)


def show_end(reading: Reading, reader: str, told: Sequence[Answer], tally: Tally) -> HTMLResponse:
    """What the reader chose, with names now, and what everybody chose."""
    own = next(entry for entry in tally.readers if entry.reader == reader)
    return _respond("end", reading=reading, own=own, told=told, tally=tally, drawn=draw_scores(own), names=NAMES)


def show_error(error: ScriptoriumError) -> HTMLResponse:
    """What went wrong, for a person."""
    return _respond("error", status=error.status, message=str(error), next_step=error.next_step)


def render_section(tally: Tally, *, linked: bool) -> str:
    """The tally as a section of the report, with links where the page is served."""
    return TEMPLATES.get_template("section.html.j2").render(tally=tally, drawn=draw_scores(tally), linked=linked)


def _respond(template: str, status: int = 200, **values: object) -> HTMLResponse:
    nonce = secrets.token_urlsafe(16)
    page = TEMPLATES.get_template(f"{template}.html.j2").render(nonce=nonce, **values)
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; form-action 'self'; {ALONE}"
    return HTMLResponse(page, status, protect(policy))


def protect(policy: str) -> dict[str, str]:
    """The headers of a page that holds what others wrote and may show each reader something else."""
    return {
        "Content-Security-Policy": policy,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def _unbroken(text: str) -> str:
    """The text with its signs tied to their numbers."""
    for loose, tied in ((" %", "\u00a0%"), ("p = ", "p\u00a0=\u00a0"), ("p < ", "p\u00a0<\u00a0")):
        text = text.replace(loose, tied)
    return text


TEMPLATES = page_templates(Path(__file__).parent, paragraphs=split_paragraphs, unbroken=_unbroken)
