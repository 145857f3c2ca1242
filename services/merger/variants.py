"""Make checkpoints of finished jobs servable at a strength, when somebody asks for them by name.

On a GPU a variant is a light copy of the adapter, on a CPU a merged model. It lies in the job's folder until there are
more than a few, or the job is deleted; it can always be made again.
"""

from __future__ import annotations

import logging
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import SCALED_ADAPTER, checkpoint_folder
from scriptorium.artifacts.volume import VARIANTS, Volume, disk_errors
from scriptorium.contracts import Job, MergeRequest, Phase
from scriptorium.errors import LeaseLost, ScriptoriumError
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.jobs.requests import REQUEST_MAKERS, RequestContext
from scriptorium.jobs.runner import Context
from scriptorium.models.scaled_adapter import scale_adapter
from scriptorium.store import Lease
from scriptorium.store.serving import AdapterVariant, WantedModel
from services.merger.merge import merge_adapter

log = logging.getLogger(__name__)

MAX_MERGED = 4  # merged variants on the volume: each is as large as its base


class LeaseKeeper(SilentReporter):
    """Renews a lease while the merge works, and stops it if the lease is lost."""

    def __init__(self, context: Context, lease: Lease) -> None:
        super().__init__()
        self._context, self._lease = context, lease

    def check(self) -> None:
        """Renew the lease; raises LeaseLost."""
        if not self._context.store.leases.renew(self._lease, self._context.settings.lease_ttl):
            raise LeaseLost(f"{self._lease.name} is made by somebody else")


def make_wished(context: Context, job_id: str) -> None:
    """Make every variant of a job that chat wishes for; a failure is told to those who wish."""
    wished = [wish.model for wish in context.store.wishes.all() if wish.model.variant]
    for model in wished:
        if model.variant and model.variant.job_id == job_id and manifest.read(model.prepared) is None:
            try:
                make_variant(context, model, model.variant)
            except LeaseLost as error:
                log.info("%s", error)
            except ScriptoriumError as error:
                context.store.wishes.refuse(model, f"{error} {error.next_step or ''}".strip())


def make_variant(context: Context, model: WantedModel, variant: AdapterVariant) -> None:
    """Make a variant's folder, whole or not at all. Raises LeaseLost, or what `merge_adapter` raises."""
    target = context.volume.variant(variant.job_id, variant.step, variant.strength)
    lease = context.store.leases.acquire(f"variant:{target}", "the merger", context.settings.lease_ttl)
    if lease is None:
        raise LeaseLost(f"{target.name} of {variant.job_id} is being made already")
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        with disk_errors():
            remove_drafts(target)
            draft.mkdir(parents=True)
            if model.adapter:
                training = context.volume.folder(variant.job_id, Phase.TRAIN)
                scale_adapter(checkpoint_folder(training, variant.step), variant.strength, draft / SCALED_ADAPTER)
            else:
                job = context.store.jobs.get(variant.job_id)
                remove_oldest(context.volume, {Path(wish.model.folder) for wish in context.store.wishes.all()})
                merge_adapter(make_request(job, variant, context), draft, LeaseKeeper(context, lease))
            manifest.write(draft, {"variant": variant.model_dump()})
            shutil.rmtree(target, ignore_errors=True)
            draft.rename(target)
            manifest.sync(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        context.store.leases.release(lease)


def make_request(job: Job, variant: AdapterVariant, context: Context) -> MergeRequest:
    """Return the request that merged the job's model, for another checkpoint and strength."""
    request = REQUEST_MAKERS[Phase.MERGE](job, RequestContext(context.settings, context.volume))
    changes = {"checkpoint": variant.step, "strength": variant.strength, "exports": []}
    return MergeRequest.model_validate(request.model_dump() | changes)


def remove_drafts(target: Path) -> None:
    """Remove what a killed attempt at a variant has left."""
    for draft in target.parent.glob(f".{target.name}.*.tmp"):
        shutil.rmtree(draft, ignore_errors=True)


def remove_oldest(volume: Volume, wished: Iterable[Path]) -> None:
    """Make room for one merged variant: the oldest that nobody wishes for goes."""
    folders = [path for path in volume.runs.glob(f"*/{VARIANTS}/*/config.json") if path.parent not in set(wished)]
    folders.sort(key=lambda path: path.stat().st_mtime)
    for config in folders[: max(0, len(folders) - MAX_MERGED + 1)]:
        shutil.rmtree(config.parent, ignore_errors=True)
