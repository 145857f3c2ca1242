"""/jobs/{job_id}/read and /jobs/{job_id}/report: for browsers. Plain forms; a cookie says who reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from urllib.parse import quote, unquote

from fastapi import APIRouter, Cookie, Form
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from services.api.blind_reading.blind_reading import Letter, Reading, anonymous, clean_name
from services.api.blind_reading.page import ALONE, protect, show_begin, show_end, show_question
from services.api.blind_reading.readings import open_reading
from services.api.blind_reading.report_with_tally import read_report
from services.api.dependencies import Context

router = APIRouter(prefix="/jobs/{job_id}", tags=["pages"], default_response_class=HTMLResponse)

COOKIE = "reader"
REMEMBERED = timedelta(days=180)
STRANGER = "somebody"  # whose number of pairs is everybody's

ReaderCookie = Annotated[str | None, Cookie(alias=COOKIE)]


@router.get("/report")
def report(job_id: str, context: Context, download: bool = False) -> HTMLResponse:
    """The report with the tally of its blind reading, to look at or to keep."""
    page = read_report(context.volume, context.store.jobs.get(job_id).id, linked=not download)
    response = HTMLResponse(page, headers=protect(f"default-src 'none'; style-src 'unsafe-inline'; {ALONE}"))
    if download:
        response.headers["Content-Disposition"] = f'attachment; filename="{job_id}-report.html"'
    return response


@router.get("/read", response_model=None)
def read(
    job_id: str, context: Context, number: int | None = None, other: bool = False, cookie: ReaderCookie = None
) -> Response:
    """Where the reader is: at the beginning, at a pair, or at the end."""
    reading = open_reading(context, job_id)
    reader = None if other else remembered(cookie)
    if reader is None:
        return show_begin(reading, len(reading.turns(STRANGER)))
    question = reading.question(reader, number)
    if question is None:
        return show_end(reading, reader, reading.told(reader), reading.tally())
    return show_question(reading, question, reader, reading.answered(reader), len(reading.turns(reader)))


@router.post("/read", response_model=None)
def answer(
    job_id: str,
    context: Context,
    passage: Annotated[int, Form()],
    closer: Annotated[Letter, Form()],
    better: Annotated[Letter, Form()],
    cookie: ReaderCookie = None,
) -> Response:
    """Keep an answer and go on."""
    reading, reader = open_reading(context, job_id), remembered(cookie)
    if reader is not None:
        reading.give(reader, passage, closer, better)
    return RedirectResponse("read", 303)


@router.post("/read/reader", response_model=None)
def begin(job_id: str, context: Context, name: Annotated[str, Form()] = "") -> Response:
    """Remember who reads; somebody without a name gets one."""
    reading: Reading = open_reading(context, job_id)
    reader = reading.known_as(clean_name(name)) or anonymous()
    response = RedirectResponse("../read", 303)
    response.set_cookie(
        COOKIE, quote(reader, safe=""), int(REMEMBERED.total_seconds()), path=None, httponly=True, samesite="lax"
    )
    return response


def remembered(cookie: str | None) -> str | None:
    """The reader whom the browser names, if any."""
    return clean_name(unquote(cookie)) or None if cookie else None
