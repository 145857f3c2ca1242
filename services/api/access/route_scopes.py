"""Which scope each route needs: the one table. A route that is not in it is for admins alone.

What a blind reader answers changes nothing but the count of readers, so a key to read is enough for it. A model is
named before it is asked, so chat may list models; keeping one warm is what asking it does, too. Whose a thing is that
is to be deleted, its route checks (`services.api.dependencies.check_owner`).
"""

from __future__ import annotations

from collections.abc import Sequence

from starlette.routing import BaseRoute, Match
from starlette.types import Scope

from scriptorium.access.keys import KeyScope
from services.api.not_offered import METHODS, MISSING_CALLS

Scopes = frozenset[KeyScope]

PUBLIC: Scopes | None = None  # needs no key
READ = frozenset({KeyScope.READ})
SUBMIT = frozenset({KeyScope.SUBMIT})
CHAT = frozenset({KeyScope.CHAT})
READ_OR_CHAT = READ | CHAT
ADMIN = frozenset({KeyScope.ADMIN})
ANY_KEY = frozenset(KeyScope)

JOBS, JOB, OWN = "/v1/fine_tuning/jobs", "/v1/fine_tuning/jobs/{job_id}", "/v1/x/jobs/{job_id}"
SCOPES: dict[str, Scopes | None] = {
    "POST /v1/files": SUBMIT,
    "GET /v1/files": READ,
    "GET /v1/files/{file_id}": READ,
    "GET /v1/files/{file_id}/content": READ,
    "DELETE /v1/files/{file_id}": SUBMIT,
    "POST /v1/uploads": SUBMIT,
    "GET /v1/uploads/{upload_id}": SUBMIT,
    "POST /v1/uploads/{upload_id}/parts": SUBMIT,
    "POST /v1/uploads/{upload_id}/complete": SUBMIT,
    "POST /v1/uploads/{upload_id}/cancel": SUBMIT,
    f"POST {JOBS}": SUBMIT,
    f"GET {JOBS}": READ,
    f"GET {JOB}": READ,
    f"DELETE {JOB}": SUBMIT,
    f"POST {JOB}/cancel": SUBMIT,
    f"POST {JOB}/pause": SUBMIT,
    f"POST {JOB}/resume": SUBMIT,
    f"GET {JOB}/checkpoints": READ,
    f"GET {JOB}/events": READ,
    f"POST {OWN}/rerun": SUBMIT,
    f"POST {OWN}/clone": SUBMIT,
    f"PUT {OWN}/tags": SUBMIT,
    f"POST {OWN}/tags": SUBMIT,
    "GET /v1/x/search": READ,
    "GET /v1/x/disk_use": READ,
    "POST /v1/x/estimate": SUBMIT,
    "GET /v1/x/compare": READ,
    f"GET {OWN}/decisions": READ,
    f"POST {OWN}/decisions/{{kind}}": SUBMIT,
    f"GET {OWN}/checkpoint_samples": READ,
    f"GET {OWN}/quality": READ,
    f"GET {OWN}/reading": READ,
    f"POST {OWN}/reading": READ,
    f"GET {OWN}/reading/tally": READ,
    "GET /": READ,
    "GET /jobs/{job_id}": READ,
    **{f"POST /jobs/{{job_id}}/{action}": SUBMIT for action in ("pause", "resume", "cancel", "delete")},
    **{f"GET /jobs/{{job_id}}/{question}": SUBMIT for question in ("cancel", "delete")},
    "POST /jobs/{job_id}/decisions/{kind}": SUBMIT,
    **{f"{method} /submit{path}": SUBMIT for method in ("GET", "POST") for path in ("", "/{file_id}")},
    "GET /chat": CHAT,
    "GET /models": READ_OR_CHAT,
    **{f"POST /models/{action}": CHAT for action in ("warm", "release")},
    **{f"{method} /models/delete": SUBMIT for method in ("GET", "POST")},
    "GET /jobs/{job_id}/samples": READ,
    "GET /jobs/{job_id}/quality": READ,
    "GET /jobs/{job_id}/report": READ,
    "GET /jobs/{job_id}/read": READ,
    "POST /jobs/{job_id}/read": READ,
    "POST /jobs/{job_id}/read/reader": READ,
    "GET /v1/models": READ_OR_CHAT,
    "GET /v1/models/{model}": READ_OR_CHAT,
    "DELETE /v1/models/{model}": SUBMIT,
    "POST /v1/x/models/{model}/warm": CHAT,
    "DELETE /v1/x/models/{model}/warm": CHAT,
    "POST /v1/chat/completions": CHAT,
    "POST /v1/completions": CHAT,
    "GET /v1/x/webhook_deliveries": READ,
    "POST /v1/x/webhook_deliveries": ADMIN,
    "GET /v1/x/notice_deliveries": READ,
    "POST /v1/x/notice_deliveries": ADMIN,
    "POST /v1/x/prune": ADMIN,
    "GET /healthz": PUBLIC,
    "GET /openapi.json": PUBLIC,  # describes the program, not what lies here
    "GET /docs": PUBLIC,
    "GET /docs/{name}": PUBLIC,
    "GET /login": PUBLIC,
    "POST /login": PUBLIC,
    "POST /logout": PUBLIC,
    "GET /metrics": READ,
    "GET /metrics/engines": READ,
    **{f"{method} {call.path.replace(':path}', '}')}": ANY_KEY for call in MISSING_CALLS for method in METHODS},
}


def find_scopes(scope: Scope, routes: Sequence[BaseRoute]) -> Scopes | None:
    """Return the scopes of which a request needs one; PUBLIC if it needs none. What is nowhere takes any key."""
    route = next((route for route in routes if route.matches(scope)[0] is Match.FULL), None)
    return ANY_KEY if route is None else scopes_of(scope["method"], route)


def scopes_of(method: str, route: BaseRoute) -> Scopes | None:
    """Return the scopes of a route's method, of which a request needs one."""
    return SCOPES.get(f"{'GET' if method == 'HEAD' else method} {getattr(route, 'path_format', '')}", ADMIN)
