"""The default base model: here already, or to be had from the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scriptorium.doctor.check import HOST, Finding, Subject, fail, ok, skipped, warn
from scriptorium.doctor.dotenv import value
from scriptorium.models.base_models import local_models

LABEL = "base model"
FETCHER = "data"  # its phase comes first and fetches what is missing
GATED = "meta-llama/"
TOKENS = "https://huggingface.co/settings/tokens"


def check_base_model(subject: Subject) -> Iterator[Finding]:
    """Whether the first job will find its model."""
    name = subject.settings.default_model
    if subject.service not in (HOST, FETCHER):
        yield skipped(LABEL, f"fetched by the service {FETCHER}")
    elif name in local_models(subject.settings.models):
        yield ok(LABEL, f"{name} is in {subject.settings.models}")
    elif cached(subject, name):
        yield ok(LABEL, f"{name} is in the cache of the Hugging Face hub")
    elif "/" not in name and subject.service == HOST and value(subject.probe, "COMPOSE_FILE"):
        yield skipped(
            LABEL, f"{name} is not in {subject.settings.models}; the containers' volume is not seen from here"
        )
    elif "/" not in name:
        fix = f"Put its folder (config.json, *.safetensors, tokenizer) there: {subject.settings.models / name}"
        yield fail(LABEL, f"{name} is not in {subject.settings.models}", fix)
    else:
        yield to_fetch(subject, name)


def to_fetch(subject: Subject, name: str) -> Finding:
    """A model of the hub, which the first job downloads."""
    if value(subject.probe, "HF_HUB_OFFLINE") not in ("", "0"):
        fix = f"Put its folder into {subject.settings.models}, or unset HF_HUB_OFFLINE."
        return warn(LABEL, f"{name} is not here, and HF_HUB_OFFLINE forbids to fetch it", fix)
    if not name.startswith(GATED) or token(subject):
        return ok(LABEL, f"{name} is fetched by the first job")
    page = f"https://huggingface.co/{name}"
    fix = (
        f"1. Accept its licence: {page}\n2. Make a token that may read: {TOKENS}\n3. echo HF_TOKEN=hf_... >> .env\n"
        f"Or put the model's folder into {subject.settings.models}."
    )
    return warn(LABEL, f"{name} has a licence to accept, and there is no HF_TOKEN to fetch it with", fix)


def home(subject: Subject) -> Path:
    """Where the hub's client keeps its things."""
    environ = subject.probe.environ
    cache = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/root")) / ".cache"
    return Path(environ.get("HF_HOME") or Path(cache) / "huggingface")


def cached(subject: Subject, name: str) -> bool:
    """Whether the hub's cache has its weights."""
    hub = Path(subject.probe.environ.get("HF_HUB_CACHE") or home(subject) / "hub")
    folder = hub / f"models--{name.replace('/', '--')}" / "snapshots"
    return any(subject.probe.exists(path) for path in subject.probe.glob(folder, "*/*.safetensors"))


def token(subject: Subject) -> bool:
    """Whether the hub's client has a token."""
    path = subject.probe.environ.get("HF_TOKEN_PATH") or home(subject) / "token"
    return bool(value(subject.probe, "HF_TOKEN") or (subject.probe.read(path) or "").strip())
