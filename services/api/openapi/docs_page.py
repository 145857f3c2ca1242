"""/docs: every call of the API in a browser, to read and to try. All of its files come from this server."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from scriptorium.errors import EnvironmentMissing, RouteMissing
from services.api.pages.page import ISOLATION_POLICY, security_headers

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).parent
SWAGGER_PACKAGE = "fastapi_offline"  # only its copy of Swagger UI is used
ASSETS = ("swagger-ui.css", "swagger-ui-bundle.js")
POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; "  # Swagger UI sets styles of its elements
    f"form-action 'none'; {ISOLATION_POLICY}"
)


@router.get("/docs")
def docs() -> FileResponse:
    """Show the page."""
    return FileResponse(FOLDER / "docs.html", headers=security_headers(POLICY))


@router.get("/docs/{name}")
def asset(name: str) -> FileResponse:
    """Return one of the page's files. Raises RouteMissing if it has no such file."""
    if name == "docs.js":
        return FileResponse(FOLDER / name, headers=security_headers(POLICY))
    if name in ASSETS:
        return FileResponse(find_swagger() / name, headers={"Cache-Control": "max-age=86400"})
    raise RouteMissing(f"The page has no file {name!r}.")


def find_swagger() -> Path:
    """Return the folder of Swagger UI's files, without importing the package that has them."""
    spec = find_spec(SWAGGER_PACKAGE)
    if spec is None or spec.origin is None:
        raise EnvironmentMissing(f"The package {SWAGGER_PACKAGE} is not installed.")
    return Path(spec.origin).parent / "static"
