"""Find the engine of a model, have it loaded if it is cold, and wait for it as long as a request may wait.

A request waits for a load: `SCRIPTORIUM_CHAT_WAIT`, or as many seconds as its header `X-Scriptorium-Wait` says. While a
job has the device it is refused at once, with the job's phase and an estimate, unless it brings that header.
"""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from scriptorium.errors import DeviceBusy, InvalidRequest, JobMissing, ModelNotReady, ModelUnavailable
from scriptorium.identifiers import JOB_PREFIX
from scriptorium.jobs.runner import Context
from scriptorium.store.chat_wishes import RETRY_AFTER
from scriptorium.store.connection import store_errors
from scriptorium.store.serving import Engine, WantedModel
from services.api.inference.voices import find_models

WAIT_HEADER = "x-scriptorium-wait"
POLL_INTERVAL = 0.25  # seconds
MAX_WAIT = 24 * 3600.0  # seconds
LOST_INTERVAL = 2.0  # seconds that an engine which refused a connection is not asked again


@dataclass(frozen=True)
class Patience:
    """How long a request waits for its model, in seconds; `explicit` if it said so itself."""

    seconds: float
    explicit: bool = False


def read_patience(header: str | None, context: Context) -> Patience:
    """Return how long a request waits. Raises InvalidRequest."""
    if header is None:
        return Patience(context.settings.chat_wait.total_seconds())
    try:
        seconds = float(header)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_WAIT:
        raise InvalidRequest(f"The header {WAIT_HEADER} is no number of seconds up to {MAX_WAIT:g}.", param=WAIT_HEADER)
    return Patience(seconds, explicit=True)


async def await_engine(context: Context, name: str, patience: Patience, lost: str = "") -> Engine:
    """Return the ready engine of a model; an address that was just `lost` is not one.

    Raises ModelMissing, InvalidRequest, ModelNotReady (it is loading for longer, or cannot be loaded) and DeviceBusy.
    """
    deadline, model = time.monotonic() + patience.seconds, None
    lost_until = time.monotonic() + LOST_INTERVAL if lost else 0.0
    while True:
        model, engine, error = await run_in_threadpool(look, context, name, model)
        if engine and not (engine.url == lost and time.monotonic() < lost_until):
            return engine
        error = error or not_ready(context, name)
        impatient = isinstance(error, DeviceBusy) and not patience.explicit
        if impatient or time.monotonic() >= deadline:
            raise error
        await asyncio.sleep(POLL_INTERVAL)


def wish(context: Context, name: str) -> WantedModel:
    """Wish for a model, and for the base that it needs; one that a job's session serves is not wished for."""
    with store_errors():
        in_session = [model for model in list_served_in_sessions(context) if model.name == name]
        if in_session:
            return in_session[0]
        models = find_models(context, name)
        for model in models:
            context.store.wishes.ask(model)
        return models[-1]


def is_expected(context: Context, model: WantedModel) -> bool:
    """Return whether somebody still serves or loads a model: sessions end, and wishes may be withdrawn."""
    with store_errors():
        wished = any(wish.model == model for wish in context.store.wishes.all())
        return wished or model in list_served_in_sessions(context)


def list_served_in_sessions(context: Context) -> list[WantedModel]:
    """Return the models of the sessions that have a device: they answer before their jobs have ended."""
    sessions = [session for session in context.store.serving.sessions() if session.device]
    return [model for session in sessions for model in session.models]


def look(
    context: Context, name: str, wished: WantedModel | None
) -> tuple[WantedModel, Engine | None, ModelUnavailable | None]:
    """Return the model that a name wants, and its ready engine, or else why it is not ready yet.

    It is wished for, unless it was `wished` and still is. Raises ModelNotReady if it will never be ready.
    """
    model = wished if wished and is_expected(context, wished) else wish(context, name)
    return model, *look_for_engine(context, name, model)


def look_for_engine(context: Context, name: str, model: WantedModel) -> tuple[Engine | None, ModelUnavailable | None]:
    """Return the ready engine of a model, or else why it is not ready yet. Raises ModelNotReady if it never will be."""
    with store_errors():
        engine = context.store.serving.find_engine(model)
        if engine and engine.state == "ready":
            return engine, None
        wish = next((wish for wish in context.store.wishes.all() if wish.model == model), None)
        if wish and wish.reason:
            raise ModelNotReady(f"{name} cannot be loaded: {wish.reason}", param="model", retry_after=RETRY_AFTER)
        if engine and engine.state != "leaving":
            return None, not_ready(context, name, engine)
        return None, find_tenant(context, name) or not_ready(context, name, engine)


def find_tenant(context: Context, name: str) -> DeviceBusy | None:
    """Return the error that names a job on a device; None if there is a device that no job has."""
    sessions = {session.device: session.job_id for session in context.store.serving.sessions() if session.device}
    holders = {device: context.store.leases.holder(device) for device in context.store.leases.devices()}
    jobs = [sessions.get(device) or holder for device, holder in holders.items()]
    if not all(job and job.startswith(JOB_PREFIX) for job in jobs):
        return None
    for holder in jobs:
        if holder:
            try:
                job = context.store.jobs.get(holder)
            except JobMissing:  # deleted a moment ago: its lease runs out
                return DeviceBusy(f"{name} has to wait: {holder} has the device.", param="model")
            progress = context.store.jobs.progress(holder)
            eta = progress.get("eta_seconds")
            when = "" if eta is None else f", for about {math.ceil(eta / 60)} more minute(s)"
            return DeviceBusy(
                f"{name} has to wait: {holder} has the device ({job.phase}{when}).", param="model", retry_after=eta
            )
    return None


def not_ready(context: Context, name: str, engine: Engine | None = None) -> ModelNotReady:
    """Return the error for a model that is being loaded, with the seconds that are left."""
    load, now = context.store.serving.load_seconds(), time.time()
    left = max(1.0, engine.ready_at - now) if engine and engine.ready_at else load
    doing = "its weights are being made" if engine and engine.state == "preparing" else "it is being loaded"
    reason = f" ({engine.reason})" if engine and engine.reason else ""
    return ModelNotReady(
        f"{name} is not ready: {doing}{reason}. It should answer in about {math.ceil(left)} s.",
        param="model",
        retry_after=left,
    )
