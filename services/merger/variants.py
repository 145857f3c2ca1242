"""Make checkpoints of finished jobs servable at a strength, when somebody asks for them by name.

On a GPU a variant is a light copy of the adapter, on a CPU a merged model. It lies in the job's folder until there are
more than a few, or the job is deleted; it can always be made again.
"""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
from collections.abc import Iterable
from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import SCALED_ADAPTER, checkpoint_folder
from scriptorium.artifacts.volume import VARIANTS, Volume, disk_errors
from scriptorium.contracts import Job, MergeRequest, Phase
from scriptorium.errors import Interrupted, LeaseLost, ScriptoriumError, Stopped
from scriptorium.jobs import runner
from scriptorium.jobs.devices import Tenancy, keep_device
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.jobs.requests import REQUEST_MAKERS, RequestContext
from scriptorium.jobs.runner import Context
from scriptorium.models.scaled_adapter import scale_adapter
from scriptorium.store.serving import AdapterVariant, WantedModel
from services.merger.merge import merge_adapter

log = logging.getLogger(__name__)

LEASE = "variants"  # one is made at a time
MAX_MERGED = 4  # merged variants on the volume: each is as large as its base


class VariantReporter(SilentReporter):
    """Stops the merge if its lease is lost, or the worker has to end."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = threading.Event()

    def check(self) -> None:
        """Raise LeaseLost or Interrupted."""
        if self.lost.is_set():
            raise LeaseLost("somebody else makes the variants")
        if runner.shutdown.is_set():
            raise Interrupted("the merger ends; the variant is asked for again")


def make_wished(context: Context, job_id: str) -> None:
    """Make every variant of a job that chat wishes for; a failure is told to those who wish."""
    wished = [wish.model for wish in context.store.wishes.all() if wish.model.variant]
    for model in wished:
        if model.variant and model.variant.job_id == job_id and manifest.read(model.prepared) is None:
            try:
                make_variant(context, model, model.variant)
            except Stopped as error:
                log.info("%s", error)
            except ScriptoriumError as error:
                context.store.wishes.refuse(model, f"{error} {error.next_step or ''}".strip())
            except Exception as error:
                log.exception("%s could not be made", model.name)
                context.store.wishes.refuse(model, f"an unexpected error, see the merger's log: {error!r}")


def make_variant(context: Context, model: WantedModel, variant: AdapterVariant) -> None:
    """Make a variant's folder, whole or not at all. Raises LeaseLost, or what `merge_adapter` raises."""
    target = context.volume.variant(variant.job_id, variant.step, variant.strength)
    ttl, reporter = context.settings.lease_ttl, VariantReporter()
    lease = context.store.leases.acquire(LEASE, f"the merger {secrets.token_hex(4)}", ttl)
    if lease is None:
        raise LeaseLost("a variant is being made already")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with keep_device(context.store, Tenancy(LEASE, lease, reporter.lost.set), ttl), disk_errors():
            remove_drafts(context.volume)
            draft.mkdir(parents=True)
            if model.adapter:
                training = context.volume.folder(variant.job_id, Phase.TRAIN)
                scale_adapter(checkpoint_folder(training, variant.step), variant.strength, draft / SCALED_ADAPTER)
            else:
                job = context.store.jobs.get(variant.job_id)
                remove_oldest(context.volume, {Path(wish.model.folder) for wish in context.store.wishes.all()})
                merge_adapter(make_request(job, variant, context), draft, reporter)
            reporter.check()
            manifest.write(draft, {"variant": variant.model_dump()})
            shutil.rmtree(target, ignore_errors=True)
            draft.rename(target)
            manifest.sync(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def make_request(job: Job, variant: AdapterVariant, context: Context) -> MergeRequest:
    """Return the request that merged the job's model, for another checkpoint and strength."""
    request = REQUEST_MAKERS[Phase.MERGE](job, RequestContext(context.settings, context.volume))
    changes = {"checkpoint": variant.step, "strength": variant.strength, "exports": []}
    return MergeRequest.model_validate(request.model_dump() | changes)


def remove_drafts(volume: Volume) -> None:
    """Remove what killed attempts have left: whoever has the lease is alone."""
    for draft in volume.runs.glob(f"*/{VARIANTS}/.*.tmp"):
        shutil.rmtree(draft, ignore_errors=True)


def remove_oldest(volume: Volume, wished: Iterable[Path]) -> None:
    """Make room for one merged variant: the oldest that nobody wishes for goes."""
    folders = [path for path in volume.runs.glob(f"*/{VARIANTS}/*/config.json") if path.parent not in set(wished)]
    folders.sort(key=lambda path: path.stat().st_mtime)
    for config in folders[: max(0, len(folders) - MAX_MERGED + 1)]:
        shutil.rmtree(config.parent, ignore_errors=True)
