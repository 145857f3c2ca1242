"""Jobs that end while a receiver of webhooks waits."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from datetime import timedelta

from scriptorium.contracts import Job, JobError, Phase
from scriptorium.contracts.delivery import Delivery
from scriptorium.jobs.runner import Context, claim
from scriptorium.webhook_signature import make_secret
from services.api.deliveries.sender import open_sender

SECRET = make_secret()
SOON = timedelta(seconds=20)
DAY = 24 * 3600


def hook(context: Context, url: str, *, private: bool = True) -> Context:
    changes = {"webhook_url": url, "webhook_secret": SECRET, "webhook_private": private}
    return dataclasses.replace(context, settings=context.settings.model_copy(update=changes))


def send(context: Context, later: float = 0.0) -> int:
    """Run a round of a new sender, as a process that has just started would, `later` seconds from now."""
    return asyncio.run(open_sender(context, lambda: time.time() + later).send_due())


def fail(context: Context, job: Job) -> None:
    lease = claim(context, job.id, Phase.PREPARE)
    assert lease
    context.pipeline.fail(job.id, Phase.PREPARE, lease.token, JobError(code="disk_full", message="No space."))


def succeed(context: Context, job: Job) -> None:
    context.store.jobs.update(job.id, lambda record: record.model_copy(update={"phase": Phase.EVALUATE}))
    lease = claim(context, job.id, Phase.EVALUATE)
    assert lease
    context.pipeline.advance(job.id, Phase.EVALUATE, lease.token, fine_tuned_model="ft:x")


def log_of(context: Context) -> list[Delivery]:
    return context.store.deliveries.all()
