"""A worker that trains one job and ends: `python train_worker.py JOB`. Its settings come from the environment."""

from __future__ import annotations

import sys

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Phase
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.runner import Context, run_phase
from scriptorium.settings import get_settings
from scriptorium.store import open_store
from services.trainer.run.resume import resume_training
from services.trainer.train import train_adapter

if __name__ == "__main__":
    settings = get_settings()
    store, volume = open_store(settings.store_url, patient=True), Volume(settings.data_dir, settings.models)
    context = Context(settings, store, volume, Pipeline(store, volume, send=lambda *_: None))
    run_phase(sys.argv[1], Phase.TRAIN, train_adapter, resume=resume_training, needs_gpu=True, context=context)
