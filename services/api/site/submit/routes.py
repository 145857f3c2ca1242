"""/submit, for browsers: a form with a book, the estimate of its job, and the start of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel
from starlette.datastructures import URL

from scriptorium.contracts.estimate import TrainingEstimate
from scriptorium.errors import BaseModelUnusable, InvalidRequest, ScriptoriumError
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.manuscript_types import TYPE_NAMES, UPLOADED_SUFFIXES
from scriptorium.planning.describe import describe_changes
from services.api.dependencies import Caller, Context, StoredFiles, caller_id
from services.api.files.files import upload
from services.api.files.multipart import UploadRoute
from services.api.fine_tuning.create_job import create_job
from services.api.fine_tuning.estimates import estimate_job
from services.api.pages.page import render_page, see_other
from services.api.site.submit.choices import list_choices
from services.api.site.templates import site_templates

router = APIRouter(
    prefix="/submit",
    tags=["pages"],
    default_response_class=HTMLResponse,
    route_class=UploadRoute,
    include_in_schema=False,
)

TEMPLATES = site_templates(Path(__file__).parent)


class Wishes(BaseModel):
    """What the owner of a book asks for; what is empty is left to the defaults."""

    suffix: str = ""
    model: str = ""
    recipe: str = ""


@dataclass(frozen=True)
class Outlook:
    """The estimate of a job, or why there is none; a job whose estimate is `only_unknown` may start all the same."""

    estimate: TrainingEstimate | None = None
    problem: ScriptoriumError | None = None

    @property
    def may_start(self) -> bool:
        """True unless the job would be refused."""
        return self.problem is None or isinstance(self.problem, BaseModelUnusable)


@router.get("")
def choose_book(context: Context) -> HTMLResponse:
    """Show the form for a book."""
    choices, limit = list_choices(context), context.settings.max_upload_bytes
    return render_page(
        TEMPLATES, "submit", room="submit", choices=choices, limit=limit, accepted=UPLOADED_SUFFIXES, types=TYPE_NAMES
    )


@router.post("")
def send_book(
    file: UploadFile,
    context: Context,
    files: StoredFiles,
    suffix: Annotated[str, Form()] = "",
    model: Annotated[str, Form()] = "",
    recipe: Annotated[str, Form()] = "",
) -> RedirectResponse:
    """Store a book, and go on to its estimate."""
    if not file.filename:
        raise InvalidRequest("No book was chosen.", param="file", next_step="Go back and choose a file.")
    stored = upload(file, "fine-tune", context, files)
    url = URL(f"/submit/{stored['id']}").include_query_params(suffix=suffix, model=model, recipe=recipe)
    return see_other(str(url))


@router.get("/{file_id}")
def show_estimate(
    file_id: str, context: Context, files: StoredFiles, wishes: Annotated[Wishes, Query()]
) -> HTMLResponse:
    """Show what a job would need and do, before it starts."""
    file = files.get(file_id)
    outlook = look_ahead(make_body(file_id, wishes, context), context)
    return render_page(
        TEMPLATES,
        "estimate",
        room="submit",
        file=file,
        wishes=wishes,
        choices=list_choices(context),
        outlook=outlook,
        changes=describe_changes(outlook.estimate) if outlook.estimate and not outlook.estimate.fits else "",
    )


@router.post("/{file_id}")
def start(file_id: str, context: Context, caller: Caller, wishes: Annotated[Wishes, Form()]) -> RedirectResponse:
    """Create the job, and go on to its page."""
    job = create_job(make_body(file_id, wishes, context), context, None, caller_id(caller))
    return see_other(f"/jobs/{job.id}")


def make_body(file_id: str, wishes: Wishes, context: PhaseContext) -> dict[str, Any]:
    """Return the body of the call that creates the job."""
    choices = list_choices(context)
    suffix = {"suffix": wishes.suffix.strip()} if wishes.suffix.strip() else {}
    recipe = wishes.recipe or choices.recipe
    return {"training_file": file_id, "model": wishes.model or choices.model, "recipe": recipe, **suffix}


def look_ahead(body: dict[str, Any], context: PhaseContext) -> Outlook:
    """Return the estimate of a job, or what stands against it."""
    try:
        return Outlook(estimate_job(body, context))
    except ScriptoriumError as error:
        return Outlook(problem=error)
