"""/chat, for browsers. The page asks both models over /v1/chat/completions, so this only says which there are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.models.model_name import TUNED, parse_model_name
from scriptorium.models.scaled_adapter import MAX_STRENGTH
from services.api.dependencies import Context
from services.api.inference.voices import find_known, list_voices, read_merged
from services.api.pages.page import render_page
from services.api.site.jobs.progress import find_book
from services.api.site.templates import site_templates

router = APIRouter(tags=["pages"], default_response_class=HTMLResponse, include_in_schema=False)

TEMPLATES = site_templates(Path(__file__).parent)


@dataclass(frozen=True)
class OfferedVoice:
    """A tuned model to chat with: its name, its base, what to call it, and the strength at which its name answers."""

    name: str
    base: str
    title: str
    strength: float


@router.get("/chat")
def chat(context: Context, model: str | None = None) -> HTMLResponse:
    """Show the form for a prompt, with the tuned models to choose from."""
    voices = list(list_chat_voices(context))
    chosen = find_known(context, model).name if model else voices[0].name if voices else None
    return render_page(TEMPLATES, "chat", room="chat", voices=voices, chosen=chosen, max_strength=MAX_STRENGTH)


def list_chat_voices(context: PhaseContext) -> Iterator[OfferedVoice]:
    """Yield the models and checkpoints of finished jobs, newest jobs first."""
    for known in list_voices(context):
        name = parse_model_name(known.name)
        if not known.name.startswith(TUNED) or name.job_id is None:
            continue
        job = context.store.jobs.get(name.job_id)
        title = job.suffix or find_book(job, context)
        strength = 1.0 if name.step is not None else read_merged(context, job.id)[1]
        yield OfferedVoice(
            known.name, job.model, title if name.step is None else f"{title}, step {name.step}", strength
        )
