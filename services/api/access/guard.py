"""The check of every request before anything of it is read.

While no key was ever created the API serves this machine alone: whoever asks it by one of its names, and no page of
another site. Once there is a key, every request needs one with the scope of its route: in the header Authorization, or
as the cookie of a login.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from scriptorium.access.exposure import is_exposed
from scriptorium.access.key_ring import KeyRing
from scriptorium.access.keys import AccessKey, KeyState
from scriptorium.errors import InsufficientScope, InvalidKey, RateLimited, ScriptoriumError
from scriptorium.jobs.runner import Context
from scriptorium.store.connection import store_errors
from services.api.access.browsers import SAFE_METHODS, check_host, check_origin
from services.api.access.neighbours import METRICS_PATHS, is_neighbour
from services.api.access.route_scopes import Scopes, find_scopes
from services.api.errors import is_page, render, respond

HEALTH_PATH = "/healthz"
LOGIN_PATH = "/login"
COOKIE = "scriptorium_login"
BEARER = "bearer"


class AccessGuard:
    """Middleware that lets a request pass, or answers it with the reason and the next step."""

    def __init__(self, app: ASGIApp, context: Context, keys: KeyRing, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._context = context
        self._keys = keys
        self._routes = routes
        self._exposed = is_exposed(context.settings)
        self._in_container = bool(context.settings.api_published)
        self._host_names = [name.strip().lower() for name in context.settings.api_hosts.split(",") if name.strip()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and scope["path"] != HEALTH_PATH:
            request = Request(scope)
            try:
                await self._check(request)
            except ScriptoriumError as error:
                return await refuse(request, error)(scope, receive, send)
        return await self._app(scope, receive, send)

    async def _check(self, request: Request) -> None:
        """Raise what is wrong with a request."""
        if self._keys.is_empty:
            self._check_without_keys(request)
            return
        scopes = find_scopes(request.scope, self._routes)
        if scopes is None:
            check_origin(request)
        elif request.url.path not in METRICS_PATHS or not is_neighbour(request, in_container=self._in_container):
            key = check_scope(await self._identify(request), scopes)
            if key.requests_per_minute is not None:
                await run_in_threadpool(self._check_rate, key, key.requests_per_minute)
            request.state.key = key

    def _check_without_keys(self, request: Request) -> None:
        if self._exposed:
            raise InvalidKey("The API answers others than this machine, and there is no key.")
        check_host(request, self._host_names)
        check_origin(request)

    async def _identify(self, request: Request) -> AccessKey:
        """Return the key of a request. Raises InvalidKey, and CrossSiteRequest if a page of another site uses a login.

        A key in the header counts more than a cookie; a header of another scheme may be that of a proxy.
        """
        header, token = request.headers.get("authorization", ""), request.cookies.get(COOKIE)
        if token is None or scheme_of(header) == BEARER:
            if not header:
                raise InvalidKey("This needs a key.")
            return check_valid(self._keys.find(read_secret(header)))
        check_origin(request)
        key_id = await run_in_threadpool(self._find_login, token)
        key = self._keys.get(key_id) if key_id else None
        if key is None:
            raise InvalidKey("The login has ended.", next_step=f"Log in again: {LOGIN_PATH}.")
        return check_valid(key)

    def _check_rate(self, key: AccessKey, limit: int) -> None:
        with store_errors():
            count = self._context.store.requests.add(key.id)
        if count > limit:
            raise RateLimited(f"The key {key.name!r} may send {limit} request(s) a minute.")

    def _find_login(self, token: str) -> str | None:
        with store_errors():
            return self._context.store.logins.find(token)


def read_secret(header: str) -> str:
    """Return the secret in a header Authorization. Raises InvalidKey if it is of another scheme."""
    if scheme_of(header) != BEARER:
        raise InvalidKey("A key is sent as `Authorization: Bearer sk-scr-...`.")
    return header.partition(" ")[2].strip()


def scheme_of(header: str) -> str:
    """Return the scheme of a header Authorization, in small letters."""
    return header.partition(" ")[0].lower()


def check_valid(key: AccessKey | None) -> AccessKey:
    """Return a key that is valid now. Raises InvalidKey."""
    if key is None:
        raise InvalidKey("There is no such key.")
    if key.state is not KeyState.ACTIVE:
        raise InvalidKey(f"The key {key.name!r} ({key.id}) is {key.state}.")
    return key


def check_scope(key: AccessKey, scopes: Scopes) -> AccessKey:
    """Return the key if it has one of the scopes. Raises InsufficientScope."""
    if not key.may(scopes):
        needed = " or ".join(sorted(scopes))
        raise InsufficientScope(
            f"The key {key.name!r} has the scope {', '.join(key.scopes)}; this needs {needed}.",
            next_step=f"Use a key that has it: `scriptorium keys create NAME --scope {min(scopes)}` makes one.",
        )
    return key


def refuse(request: Request, error: ScriptoriumError) -> Response:
    """Return the response to a refused request: a browser that wants a page is led to the login."""
    if not isinstance(error, InvalidKey) or not is_page(request.url.path) or request.url.path == LOGIN_PATH:
        return respond(request, error)
    if "text/html" in request.headers.get("accept", "") and "authorization" not in request.headers:
        return RedirectResponse(f"{LOGIN_PATH}?next={quote(page_of(request), safe='')}", 303)
    return render(error)  # to a script or a program


def page_of(request: Request) -> str:
    """Return the page to show after a login: the one that was asked for, or that a form was on."""
    url = request.url if request.method in SAFE_METHODS else URL(request.headers.get("referer", ""))
    return url.path + (f"?{url.query}" if url.query else "") if url.netloc == request.url.netloc else "/"
