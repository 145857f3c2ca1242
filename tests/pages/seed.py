"""Jobs in every state that a page can show, made through the store's and the volume's own functions."""

from __future__ import annotations

import io
import json
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoint_samples import (
    CheckpointSample,
    SampleBrief,
    SampleOrder,
    append_samples,
    write_order,
)
from scriptorium.artifacts.checkpoints import checkpoint_folder
from scriptorium.artifacts.dataset import QUALITY
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.training_log import TRAINING_LOG, append_to_log
from scriptorium.contracts import (
    Checkpoint,
    Decision,
    DecisionKind,
    Event,
    EventType,
    Finding,
    Hyperparameters,
    Job,
    JobError,
    Level,
    Option,
    Phase,
    PrepareResult,
    Severity,
    Status,
)
from scriptorium.jobs.runner import Context
from scriptorium.jobs.steering import pause_job
from scriptorium.recipe import Recipe
from scriptorium.store.serving import Engine

BASE = "tiny-base"
HOSTILE = "</p><script>alert(1)</script> & {{ 7 * 7 }}"
EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "example"
MODEL_SHAPE = {
    "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9,
    "num_key_value_heads": 3, "intermediate_size": 1536, "tie_word_embeddings": True, "dtype": "bfloat16",
}  # fmt: skip
STEPS, TOTAL_STEPS = (15, 30), 90
PASSAGE = "The rain had stopped before dawn, and the road lay black between the hedges. Nobody came.\n\nHe waited. "
QUESTION = Decision(
    kind=DecisionKind.DATA_QUALITY,
    question="Train in spite of 2 debatable finding(s) about the text?",
    reason=f"Found: repetition (2). They are so many that a model would learn them. {HOSTILE}",
    options=[
        Option(name="go_on", meaning="train on the text as it is"),
        Option(name="stop", meaning="stop the job, correct the text and upload it again"),
    ],
    recommended="stop",
)
FINDINGS = [
    Finding(code="note", place="book.txt:12", message=f"A heading stands alone. {HOSTILE}"),
    Finding(
        code="repetition", place="book.txt:340", message="This paragraph stands in the book twice.",
        severity=Severity.DEBATABLE, next_step="Remove one of the two, unless it is meant.",
    ),
]  # fmt: skip


def add_base(context: Context) -> None:
    """Put a base model's configuration on the volume."""
    folder = context.volume.models / BASE
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(MODEL_SHAPE))


def submit(context: Context, job_id: str, suffix: str | None, filename: str = "the-house-on-the-moor.txt") -> Job:
    """Submit a job with a book of its own."""
    text = "It was a dark and stormy night. " * 500
    file = FileStore(context.volume.files).add(io.BytesIO(text.encode()), filename, "fine-tune")
    now = time.time()
    job = Job(
        id=job_id, created_at=int(now), submitted_at=now, model=BASE, training_file=file.id, suffix=suffix,
        recipe=Recipe(name="cpu"), hyperparameters=Hyperparameters(),
    )  # fmt: skip
    return context.pipeline.submit(job)


def change(context: Context, job: Job, **changes: Any) -> Job:
    """Change a job's record, in the store and on the volume."""
    changed = context.store.jobs.update(job.id, lambda record: record.model_copy(update=changes))
    return context.volume.save_job(changed)


def publish_dataset(context: Context, job: Job) -> None:
    """Publish what preparation has found."""
    result = PrepareResult(words=80_000, chapters=20, splits={}, findings=FINDINGS)
    folder = context.volume.attempt(job.id, Phase.PREPARE, 1)
    (folder / QUALITY).write_text(result.model_dump_json(), "utf-8")
    inputs = {"request": {}, "result": result.model_dump(mode="json"), "seconds": 4.0}
    context.volume.publish(job.id, Phase.PREPARE, folder, inputs)
    context.store.jobs.set_progress(job.id, {"phase_seconds/prepare": 4.0})


def log_training(context: Context, job: Job, folder: Path, steps: int) -> None:
    """Write a training's log, events, checkpoints and sample passages, up to a step."""
    losses = [{"step": step, "loss": 3.9 - 0.9 * step / TOTAL_STEPS} for step in range(1, steps + 1)]
    dev = [{"step": step, "eval_loss": 3.8 - 0.4 * step / TOTAL_STEPS} for step in STEPS]
    append_to_log(folder / TRAINING_LOG, [*losses, *dev])
    for line in losses:
        numbers = Event(created_at=int(time.time()), type=EventType.METRICS, message="[TRAIN] step", data=line)
        context.store.events.append(job.id, numbers)
    for step in STEPS:
        context.pipeline.log_event(job, f"[TRAIN] checkpoint-{step} saved, dev loss 3.5")
        context.store.jobs.add_checkpoint(
            job.id, Checkpoint(step=step, created_at=int(time.time()), train_loss=3.6, dev_loss=3.5)
        )
    context.pipeline.log_event(job, f"[TRAIN] Two rows were cut. {HOSTILE}", Level.WARN)
    write_order(folder, SampleOrder([SampleBrief(f"Write about rain. {HOSTILE}", PASSAGE * 4, [1])], 120, 42))
    samples = [CheckpointSample(step=step, brief=0, text=PASSAGE * 2, ended=True) for step in (0, *STEPS)]
    append_samples(folder, samples)


def add_validating(context: Context) -> Job:
    """Add a job whose book is being read, with a long title and a long name of its file."""
    return submit(context, "ftjob-validating", None, "An-exceedingly-long-name-of-a-manuscript-" * 3 + ".docx")


def add_queued(context: Context) -> Job:
    """Add a job that waits for the device."""
    job = submit(context, "ftjob-queued", "The Queue")
    publish_dataset(context, job)
    return change(context, job, status=Status.QUEUED, phase=Phase.TRAIN)


def add_running(context: Context) -> Job:
    """Add a job that trains."""
    job = submit(context, "ftjob-running", f"Rain {HOSTILE[:20]}")
    publish_dataset(context, job)
    job = change(context, job, status=Status.RUNNING, phase=Phase.TRAIN, attempts={Phase.PREPARE: 1, Phase.TRAIN: 1})
    log_training(context, job, context.volume.attempt(job.id, Phase.TRAIN, 1), 32)
    numbers = {"step": 32, "total_steps": TOTAL_STEPS, "eta_seconds": 300.0, "train_loss": 3.5}
    context.store.jobs.set_progress(job.id, numbers)
    return job


def add_asking(context: Context) -> Job:
    """Add a job that waits for an answer."""
    job = submit(context, "ftjob-asking", "The Question")
    job = change(context, job, attempts={Phase.PREPARE: 1})
    return context.pipeline.ask(job.id, Phase.PREPARE, 1, QUESTION)


def add_paused(context: Context) -> Job:
    """Add a job that its owner has paused."""
    return pause_job(context.pipeline, submit(context, "ftjob-paused", "A Pause").id)


def add_failed(context: Context) -> Job:
    """Add a job that has failed."""
    job = change(context, submit(context, "ftjob-failed", "The Failure"), attempts={Phase.PREPARE: 1})
    error = JobError(
        code="invalid_training_file",
        message=f"The book has 1 problem(s).\nbook.txt:7: the text breaks off. {HOSTILE}",
        next_step="Send the whole book.",
    )
    return context.pipeline.fail(job.id, Phase.PREPARE, 1, error)


def add_cancelled(context: Context) -> Job:
    """Add a job that was cancelled."""
    return context.pipeline.cancel(submit(context, "ftjob-cancelled", "Never Mind").id)


def add_succeeded(context: Context, job_id: str = "ftjob-succeeded") -> Job:
    """Add a job that has succeeded: trained, merged at strength 0.75, with the example's report and six pairs."""
    job = submit(context, job_id, "The House")
    publish_dataset(context, job)
    training, merged = (context.volume.folder(job.id, phase) for phase in (Phase.TRAIN, Phase.MERGE))
    for step in STEPS:
        checkpoint_folder(training, step).mkdir(parents=True)
        manifest.write(checkpoint_folder(training, step), {"step": step, "created_at": int(time.time())})
    log_training(context, job, training, TOTAL_STEPS)
    manifest.write(training, {"result": {}})
    merged.mkdir()
    manifest.write(merged, {"result": {
        "step": STEPS[-1], "strength": 0.75, "temperature": 0.9, "dev_loss": None, "merged_tensors": 1,
        "copied_tensors": 0, "bytes": 1, "seconds": 1.0,
    }})  # fmt: skip
    report = context.volume.attempt(job.id, Phase.EVALUATE, 1)
    for name in ("report.html", "report.json"):
        (report / name).write_bytes((EXAMPLE / name).read_bytes())
    (report / "samples.jsonl").write_text("".join(json.dumps(make_pair(index)) + "\n" for index in range(6)))
    body = {"request": {"title": "A <Night>"}, "result": {}, "seconds": 1}
    context.volume.publish(job.id, Phase.EVALUATE, report, body)
    results = {f"{job.id}-{name}": context.volume.folder(job.id, Phase.EVALUATE) / name for name in ("report.html",)}
    return change(
        context, job, status=Status.SUCCEEDED, phase=Phase.EVALUATE, finished_at=int(time.time()) + 900,
        attempts=dict.fromkeys(Phase, 1), fine_tuned_model=job.tuned_name,
        result_files=FileStore(context.volume.files).add_results(results),
        decisions={QUESTION.kind: QUESTION.model_copy(update={"answer": "go_on", "answered_by": "person"})},
    )  # fmt: skip


def make_pair(index: int) -> dict[str, Any]:
    """Return a line of samples.jsonl."""
    texts = {role: {"text": f"{PASSAGE * 2} {HOSTILE}", "finish_reason": "stop"} for role in ("base", "tuned")}
    row = {"index": index, "chapter": f"Chapter {index // 2}", "author": "Anon", "brief": "Write about rain."}
    return {**row, "genuine": f"{PASSAGE * 3} {index}", **texts, "settings": {"max_tokens": 320}}


def add_every_state(context: Context) -> dict[str, Job]:
    """Add a job in every state, and return them by the state's name."""
    add_base(context)
    makers = (add_validating, add_queued, add_running, add_asking, add_paused, add_failed, add_cancelled, add_succeeded)
    return {maker.__name__.removeprefix("add_"): maker(context) for maker in makers}


def serve_models(context: Context, job: Job, url: str) -> None:
    """Note that an engine answers at an address for the base and for a finished job's model."""
    folders = {BASE: context.volume.models / BASE, job.tuned_name: context.volume.folder(job.id, Phase.MERGE)}
    engines = [Engine(name=name, folder=str(folder), state="ready", url=url) for name, folder in folders.items()]
    context.store.serving.publish(engines, "cpu:here", timedelta(minutes=10))
