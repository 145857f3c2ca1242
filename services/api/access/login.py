"""/login and /logout: a browser sends a key once and gets a cookie that stands for it, for a week.

The cookie holds a random token and not the key; the store has the token's hash. A login is worth what its key is worth:
it ends when that expires or is revoked.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Cookie, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from scriptorium.access.key_ring import KeyRing
from scriptorium.access.keys import AccessKey, KeyScope
from scriptorium.errors import InvalidKey
from services.api.access.guard import COOKIE, LOGIN_PATH, check_valid
from services.api.dependencies import Context
from services.api.pages.page import render_page, room_templates

router = APIRouter(tags=["pages"], default_response_class=HTMLResponse, include_in_schema=False)

LIFETIME = timedelta(days=7)
MAX_SECRET_LENGTH = 200
LOCAL_PATH = re.compile(
    r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*"
)  # no //host, and nothing that a browser drops or turns into /
TEMPLATES = room_templates(Path(__file__).parent)

LoginCookie = Annotated[str | None, Cookie(alias=COOKIE)]


@router.get("/login", response_model=None)
def show_login(request: Request, context: Context, next: str = "/", cookie: LoginCookie = None) -> Response:
    """Show the form for a key, or whose key the browser is logged in with."""
    keys: KeyRing = request.app.state.keys
    if keys.is_empty:
        return RedirectResponse(local_path(next), 303)
    key = find_key(keys, context.store.logins.find(cookie)) if cookie else None
    return render_login(next, key=key)


@router.post("/login", response_model=None)
def log_in(
    request: Request,
    context: Context,
    key: Annotated[str, Form(max_length=MAX_SECRET_LENGTH)] = "",
    next: Annotated[str, Form()] = "/",
) -> Response:
    """Check a key and give the browser a cookie that stands for it."""
    keys: KeyRing = request.app.state.keys
    try:
        valid = check_valid(keys.find(key.strip()))
    except InvalidKey as error:
        return render_login(next, error=str(error))
    token = context.store.logins.begin(valid.id, LIFETIME)
    response = RedirectResponse(first_page(valid) if local_path(next) == "/" else local_path(next), 303)
    response.set_cookie(
        COOKIE, token, int(LIFETIME.total_seconds()), httponly=True, samesite="lax", secure=is_secure(request)
    )
    return response


@router.post("/logout", response_model=None)
def log_out(context: Context, cookie: LoginCookie = None) -> Response:
    """End the login."""
    if cookie:
        context.store.logins.end(cookie)
    response = RedirectResponse(LOGIN_PATH, 303)
    response.delete_cookie(COOKIE)
    return response


def render_login(page: str, *, key: AccessKey | None = None, error: str = "") -> HTMLResponse:
    """Render the form, with what was wrong, or the key that the browser is logged in with."""
    status = InvalidKey.status if error else 200
    return render_page(TEMPLATES, "login", status, page=local_path(page), key=key, error=error)


def first_page(key: AccessKey) -> str:
    """Return the page with which the owner of a key begins: the first one that the key may see."""
    pages = {"/": KeyScope.READ, "/chat": KeyScope.CHAT, "/submit": KeyScope.SUBMIT}
    return next(page for page, scope in pages.items() if key.may({scope}))


def find_key(keys: KeyRing, key_id: str | None) -> AccessKey | None:
    """Return the valid key with an id, if there is one."""
    try:
        return check_valid(keys.get(key_id)) if key_id else None
    except InvalidKey:
        return None


def local_path(page: str) -> str:
    """Return a path of ours to go to; "/" for anything that would lead a browser elsewhere."""
    return page if LOCAL_PATH.fullmatch(page) and not urlsplit(page).netloc else "/"


def is_secure(request: Request) -> bool:
    """Return whether the browser speaks TLS, to us or to the proxy before us."""
    return "https" in (request.url.scheme, request.headers.get("x-forwarded-proto", "").lower())
