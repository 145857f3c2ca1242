"""Every route says which scope it needs."""

from __future__ import annotations

from fastapi.routing import APIRoute

from services.api.access.route_scopes import ANY_KEY, SCOPES, scopes_of
from services.api.application import ROUTERS
from services.api.not_offered import MISSING_CALLS

ROUTES = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
CALLS = {f"{method} {route.path_format}" for route in ROUTES for method in route.methods}


def test_every_route_has_a_scope_and_every_scope_a_route() -> None:
    own = {call for call in CALLS if not call.startswith("HEAD ")}
    assert own | {"GET /openapi.json"} == set(SCOPES)  # which FastAPI adds


def test_what_is_read_in_part_needs_what_it_needs_as_a_whole() -> None:
    heads = [route for route in ROUTES if "HEAD" in route.methods]
    assert heads
    for route in heads:
        assert scopes_of("HEAD", route) == SCOPES[f"GET {route.path_format}"]


def test_only_what_nobody_can_read_anything_from_needs_no_key() -> None:
    assert {call for call, scopes in SCOPES.items() if scopes is None} == {
        "GET /healthz",
        "GET /openapi.json",
        "GET /docs",
        "GET /docs/{name}",
        "GET /login",
        "POST /login",
        "POST /logout",
    }
    assert {call.split()[1] for call, scopes in SCOPES.items() if scopes == ANY_KEY} == {
        call.path.replace(":path", "") for call in MISSING_CALLS
    }


def test_a_route_without_an_entry_is_for_admins() -> None:
    assert scopes_of("GET", APIRoute("/v1/x/new", lambda: None)) == {"admin"}


def test_what_changes_something_is_never_open_to_readers_but_their_answers() -> None:
    writes = {call for call, scopes in SCOPES.items() if scopes and "read" in scopes and not call.startswith("GET ")}
    assert all("/read" in call for call in writes if SCOPES[call] != ANY_KEY)
