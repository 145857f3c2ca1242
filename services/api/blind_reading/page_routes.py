"""/jobs/{job_id}/read and /jobs/{job_id}/report, for browsers. Plain forms; a cookie names the reader."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Cookie, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job, Phase
from scriptorium.contracts.report.document import REPORT_PAGE
from scriptorium.urls import job_page
from services.api.blind_reading.blind_reading import BlindReading, Letter, clean_name, make_anonymous_name
from services.api.blind_reading.page import render_section, show_begin, show_end, show_question
from services.api.blind_reading.readings import open_reading
from services.api.dependencies import Context
from services.api.pages.job_pages import list_pages
from services.api.pages.page import STORED_PAGE_POLICY, security_headers

router = APIRouter(prefix="/jobs/{job_id}", tags=["pages"], default_response_class=HTMLResponse)

COOKIE = "reader"
COOKIE_LIFETIME = timedelta(days=180)
ANY_READER = "somebody"  # all readers have the same number of pairs
TALLY_MARKER = "<!-- blind reading -->"  # in the report; one of an earlier version gets the tally at its end
END_OF_MAIN, END_OF_HEADER = "</main>", "</header>"
LINKED_PAGES = {"quality": "The manuscript", "samples": "Sample passages", "read": "Read blind"}

ReaderCookie = Annotated[str | None, Cookie(alias=COOKIE)]


@router.get("/report")
def report(job_id: str, context: Context, download: bool = False) -> HTMLResponse:
    """Show the report with the tally of its blind reading, or offer it for download."""
    job = context.store.jobs.get(job_id)
    page = read_report(context.volume, job.id, linked=not download)
    if not download:
        page = insert_links(page, job)
    response = HTMLResponse(page, headers=security_headers(STORED_PAGE_POLICY))
    if download:
        response.headers["Content-Disposition"] = f'attachment; filename="{job_id}-report.html"'
    return response


@router.get("/read", response_model=None)
def read(
    job_id: str, context: Context, number: int | None = None, other: bool = False, cookie: ReaderCookie = None
) -> Response:
    """Show the page that the reader has reached: the beginning, a pair, or the end."""
    reading = open_reading(context, job_id)
    reader = None if other else read_cookie(cookie)
    if reader is None:
        return show_begin(reading, len(reading.turns(ANY_READER)))
    question = reading.question(reader, number)
    if question is None:
        return show_end(reading, reader, reading.list_answers(reader), reading.tally())
    return show_question(reading, question, reader, reading.count_answered(reader), len(reading.turns(reader)))


@router.post("/read", response_model=None)
def answer(
    job_id: str,
    context: Context,
    passage: Annotated[int, Form()],
    closer: Annotated[Letter, Form()],
    better: Annotated[Letter, Form()],
    cookie: ReaderCookie = None,
) -> Response:
    """Store an answer and show the next pair."""
    reading, reader = open_reading(context, job_id), read_cookie(cookie)
    if reader is not None:
        reading.answer(reader, passage, closer, better)
    return RedirectResponse("read", 303)


@router.post("/read/reader", response_model=None)
def begin(job_id: str, context: Context, name: Annotated[str, Form()] = "") -> Response:
    """Remember the reader; one without a name gets one."""
    reading: BlindReading = open_reading(context, job_id)
    reader = reading.match_name(clean_name(name)) or make_anonymous_name()
    response = RedirectResponse("../read", 303)
    response.set_cookie(
        COOKIE, quote(reader, safe=""), int(COOKIE_LIFETIME.total_seconds()), path=None, httponly=True, samesite="lax"
    )
    return response


def read_cookie(cookie: str | None) -> str | None:
    """Return the reader whom the browser names, if any."""
    return clean_name(unquote(cookie)) or None if cookie else None


def read_report(volume: Volume, job_id: str, *, linked: bool) -> str:
    """Return a job's published report with the present tally; `linked` adds the links that a saved copy lacks.

    The tally is inserted on every request, because what was published never changes. Raises Conflict if there is no
    report.
    """
    section = render_section(BlindReading(volume, job_id).tally(), linked=linked)
    return insert_section((volume.folder(job_id, Phase.EVALUATE) / REPORT_PAGE).read_text(encoding="utf-8"), section)


def insert_links(page: str, job: Job) -> str:
    """Add links to a job's page and its other pages to the head of its report."""
    names = {name: text for name, text in LINKED_PAGES.items() if name in list_pages(job)}
    targets = {job_page(job.id): "The job", **names}
    links = [f'<a href="{target}" style="color: inherit">{text}</a>' for target, text in targets.items()]
    return page.replace(END_OF_HEADER, f'<p class="byline">{" · ".join(links)}</p>\n{END_OF_HEADER}', 1)


def insert_section(page: str, section: str) -> str:
    """Insert a section at the page's marker. Texts in the page are escaped, so no book can contain the marker."""
    marker = TALLY_MARKER if TALLY_MARKER in page else END_OF_MAIN
    return page.replace(marker, section + marker, 1)
