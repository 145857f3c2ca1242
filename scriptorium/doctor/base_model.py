"""The default base model: here already, or available from the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scriptorium.doctor.check import HOST, CheckFinding, Subject, fail, ok, skipped, warn
from scriptorium.doctor.dotenv import read_value
from scriptorium.models.base_models import local_models

LABEL = "base model"
DOWNLOADING_SERVICE = "data"  # its phase comes first and downloads what is missing
GATED_PREFIX = "meta-llama/"
TOKENS_URL = "https://huggingface.co/settings/tokens"


def check_base_model(subject: Subject) -> Iterator[CheckFinding]:
    """Check that the first job will find its model."""
    name = subject.settings.default_model
    if subject.service not in (HOST, DOWNLOADING_SERVICE):
        yield skipped(LABEL, f"downloaded by the service {DOWNLOADING_SERVICE}")
    elif name in local_models(subject.settings.models):
        yield ok(LABEL, f"{name} is in {subject.settings.models}")
    elif is_cached(subject, name):
        yield ok(LABEL, f"{name} is in the cache of the Hugging Face hub")
    elif "/" not in name and subject.service == HOST and read_value(subject.probe, "COMPOSE_FILE"):
        yield skipped(
            LABEL, f"{name} is not in {subject.settings.models}; the containers' volume is not visible from here"
        )
    elif "/" not in name:
        fix = f"Put its folder (config.json, *.safetensors, tokenizer) there: {subject.settings.models / name}"
        yield fail(LABEL, f"{name} is not in {subject.settings.models}", fix)
    else:
        yield check_download(subject, name)


def check_download(subject: Subject, name: str) -> CheckFinding:
    """Check that the first job can download a model of the hub."""
    if read_value(subject.probe, "HF_HUB_OFFLINE") not in ("", "0"):
        fix = f"Put its folder into {subject.settings.models}, or unset HF_HUB_OFFLINE."
        return warn(LABEL, f"{name} is not here, and HF_HUB_OFFLINE forbids downloading it", fix)
    if not name.startswith(GATED_PREFIX) or has_token(subject):
        return ok(LABEL, f"the first job downloads {name}")
    page = f"https://huggingface.co/{name}"
    fix = (
        f"1. Accept its licence: {page}\n"
        f"2. Create a token with read access: {TOKENS_URL}\n3. echo HF_TOKEN=hf_... >> .env\n"
        f"Or put the model's folder into {subject.settings.models}."
    )
    return warn(LABEL, f"{name} has a licence to accept, and there is no HF_TOKEN to download it with", fix)


def hub_home(subject: Subject) -> Path:
    """Return the folder in which the hub's client keeps its files."""
    environ = subject.probe.environ
    cache = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "/root")) / ".cache"
    return Path(environ.get("HF_HOME") or Path(cache) / "huggingface")


def is_cached(subject: Subject, name: str) -> bool:
    """Return whether the hub's cache has the model's weights."""
    hub = Path(subject.probe.environ.get("HF_HUB_CACHE") or hub_home(subject) / "hub")
    folder = hub / f"models--{name.replace('/', '--')}" / "snapshots"
    return any(subject.probe.exists(path) for path in subject.probe.glob(folder, "*/*.safetensors"))


def has_token(subject: Subject) -> bool:
    """Return whether the hub's client has a token."""
    path = subject.probe.environ.get("HF_TOKEN_PATH") or hub_home(subject) / "token"
    return bool(read_value(subject.probe, "HF_TOKEN") or (subject.probe.read(path) or "").strip())
