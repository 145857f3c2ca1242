"""Checkpoints of a finished job at a strength, made by the merger because somebody wished for them."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from test_merge_killed import write_inputs
from work import finish_with_model

from scriptorium.artifacts import manifest
from scriptorium.contracts import Job, Phase
from scriptorium.jobs.runner import Context
from scriptorium.store.serving import WantedModel
from services.api.inference.voices import find_models
from services.merger import variants
from services.merger.variants import make_wished

BASE_SHARD, CHANGED = "model-00002-of-00008.safetensors", "model.layers.1.up_proj.weight"


@pytest.fixture
def job(context: Context, tmp_path: Path) -> Job:
    """Return a finished job whose checkpoint 1 is a real adapter for a real base."""
    job = finish_with_model(context, "ftjob-0", "novel", steps=(1,))
    write_inputs(tmp_path / "inputs")
    base, training = context.volume.models / job.model, context.volume.folder(job.id, Phase.TRAIN)
    shutil.rmtree(base)
    shutil.copytree(tmp_path / "inputs" / "base", base)
    shutil.rmtree(training / "checkpoints")
    shutil.copytree(tmp_path / "inputs" / "training" / "checkpoints", training / "checkpoints")
    return job


def wish(context: Context, name: str) -> WantedModel:
    model = find_models(context, name)[-1]
    context.store.wishes.ask(model)
    return model


def reason(context: Context, name: str) -> str:
    return next(entry.reason for entry in context.store.wishes.all() if entry.model.name == name)


def test_a_strength_scales_what_the_adapter_changes(context: Context, job: Job) -> None:
    models = [wish(context, f"{job.tuned_name}@{strength}") for strength in (0.5, 1)]
    make_wished(context, job.id)
    base = load_file(context.volume.models / job.model / BASE_SHARD)[CHANGED].astype(np.float32)
    half, whole = (load_file(Path(model.folder) / BASE_SHARD)[CHANGED].astype(np.float32) - base for model in models)
    assert np.abs(whole).max() > 0.1
    assert np.abs(whole - 2 * half).max() < 0.02 * np.abs(whole).max() + 0.02
    before = manifest.read(Path(models[0].folder))
    make_wished(context, job.id)
    assert manifest.read(Path(models[0].folder)) == before  # it is made once


def test_on_a_gpu_a_strength_is_the_same_weights_with_another_configuration(context: Context, job: Job) -> None:
    object.__setattr__(context.settings, "device", "cuda")
    model = wish(context, f"{job.tuned_name}@0.5")
    make_wished(context, job.id)
    assert model.adapter
    trained = context.volume.folder(job.id, Phase.TRAIN) / "checkpoints" / "checkpoint-1"
    copy = Path(model.adapter)
    assert (copy / "adapter_model.safetensors").samefile(trained / "adapter_model.safetensors")
    alphas = [json.loads((folder / "adapter_config.json").read_text())["lora_alpha"] for folder in (copy, trained)]
    assert alphas[0] == 0.5 * alphas[1]


def test_two_messages_make_it_once_and_a_killed_attempt_leaves_nothing(context: Context, job: Job) -> None:
    model = wish(context, f"{job.tuned_name}@0.5")
    left = Path(model.folder).with_name(".1@0.5.dead.tmp")
    left.mkdir(parents=True)
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda _: make_wished(context, job.id), range(3)))
    assert manifest.is_complete(Path(model.folder))
    assert [path.name for path in Path(model.folder).parent.iterdir()] == ["1@0.5"]


def test_whoever_wishes_is_told_why_it_cannot_be_had(context: Context, job: Job) -> None:
    model = wish(context, f"{job.tuned_name}@0.5")
    (context.volume.models / job.model / BASE_SHARD).unlink()
    make_wished(context, job.id)
    assert BASE_SHARD in reason(context, model.name)
    assert not Path(model.folder).exists()


def test_only_a_few_merged_variants_are_left_on_the_volume(
    context: Context, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(variants, "MAX_MERGED", 2)
    models = []
    for strength in (0.2, 0.4, 0.6):
        models.append(wish(context, f"{job.tuned_name}@{strength}"))
        make_wished(context, job.id)
        context.store.wishes.forget(models[-1].name)
    assert [Path(model.folder).exists() for model in models] == [False, True, True]
