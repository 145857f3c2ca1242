"""How a page is rendered. The templates escape everything, because books, models and readers are not trusted.

No page loads anything of others: its style and its few lines of script carry the nonce of the Content-Security-Policy,
and the script talks to this API only.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment

from scriptorium.errors import InsufficientScope, ScriptoriumError
from scriptorium.html.paragraphs import split_paragraphs
from scriptorium.html.templates import page_templates
from services.api.pages.formats import format_duration, format_iso, format_moment, format_size

ISOLATION_POLICY = "frame-ancestors 'none'; base-uri 'none'"
STORED_PAGE_POLICY = f"default-src 'none'; style-src 'unsafe-inline'; {ISOLATION_POLICY}"  # of one that a phase wrote


def room_templates(*folders: Path, **filters: Callable[..., Any]) -> Environment:
    """Return the templates of a room's folders, with the layout that all pages share."""
    return page_templates(
        *folders,
        Path(__file__).parent,
        paragraphs=split_paragraphs,
        moment=format_moment,
        iso=format_iso,
        duration=format_duration,
        size=format_size,
        **filters,
    )


def render_page(templates: Environment, name: str, status: int = 200, **values: object) -> HTMLResponse:
    """Render a template as a response that loads nothing and may be framed nowhere."""
    nonce = secrets.token_urlsafe(16)
    page = templates.get_template(f"{name}.html.j2").render(nonce=nonce, **values)
    sources = f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'"
    policy = f"{sources}; form-action 'self'; {ISOLATION_POLICY}"
    return HTMLResponse(page, status, security_headers(policy))


def security_headers(policy: str) -> dict[str, str]:
    """Return the headers of a page that holds texts of others and differs from reader to reader."""
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
    }


def see_other(path: str) -> RedirectResponse:
    """Answer a form with the page that comes next, so that loading that again sends nothing twice."""
    return RedirectResponse(path, 303)


def show_error(error: ScriptoriumError) -> HTMLResponse:
    """Show what went wrong."""
    return render_page(
        TEMPLATES,
        "error",
        error.status,
        message=str(error),
        next_step=error.next_step,
        may_log_in=isinstance(error, InsufficientScope),
    )


TEMPLATES = room_templates(Path(__file__).parent)
