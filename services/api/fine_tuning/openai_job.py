"""Our objects in the shapes of OpenAI's fine-tuning API; what is ours alone stands under "scriptorium"."""

from __future__ import annotations

import math
from typing import Any

from scriptorium.contracts import Checkpoint, Event, EventType, Job
from scriptorium.jobs.requests import apply_hyperparameters
from scriptorium.recipe import Auto, Training
from scriptorium.urls import job_page
from services.api.pages.job_pages import list_pages

Body = dict[str, Any]


def render_job(job: Job, progress: dict[str, float], position: int | None) -> Body:
    """Render a job; the recipe's values replace "auto", and the plan's once training has one.

    `position` counts from 1 while it waits for the GPU.
    """
    training = apply_hyperparameters(job.recipe.training, job.hyperparameters)
    multiplier = job.hyperparameters.learning_rate_multiplier
    resolved = {
        "n_epochs": plan_value(training.num_epochs, progress.get("planned_epochs")),
        "batch_size": plan_value(effective_batch(training), progress.get("planned_batch_size")),
        "learning_rate_multiplier": 1.0 if multiplier == "auto" else multiplier,
    }
    return {
        "id": job.id,
        "object": "fine_tuning.job",
        "created_at": job.created_at,
        "model": job.model,
        "organization_id": "scriptorium",
        "status": job.status,
        "training_file": job.training_file,
        "validation_file": job.validation_file,
        "hyperparameters": resolved,
        "method": render_method(training, resolved),
        "result_files": job.result_files,
        "fine_tuned_model": job.fine_tuned_model,
        "finished_at": job.finished_at,
        "estimated_finish": job.estimated_finish,
        "trained_tokens": job.trained_tokens,
        "error": job.error.model_dump() if job.error else None,
        "seed": job.seed,
        "user_provided_suffix": job.suffix,
        "integrations": [integration.model_dump() for integration in job.integrations],
        "metadata": job.metadata,
        "scriptorium": {
            "phase": job.phase,
            "recipe": job.recipe.name,
            "impostors": job.impostors,
            "attempts": job.attempts,
            "progress": {name: value for name, value in progress.items() if math.isfinite(value)},  # JSON has no NaN
            "queue_position": position,
            "pages": render_pages(job),
            "decision": job.open_decision.kind if job.open_decision else None,
            "pause_requested": job.pause_requested,
            "priority": job.priority,
            "tags": job.tags,
            "cloned_from": job.cloned_from,
        },
    }


def render_method(training: Training, resolved: Body) -> Body:
    """Render the training method with its hyperparameters; preferences have one more."""
    more = {"beta": training.beta} if training.method == "dpo" else {}
    return {"type": training.method, training.method: {"hyperparameters": resolved | more}}


def effective_batch(training: Training) -> int | Auto:
    """Return the rows of one update on one device; "auto" until the planner has chosen them."""
    if training.micro_batch_size == "auto" or training.gradient_accumulation_steps == "auto":
        return "auto"
    return training.micro_batch_size * training.gradient_accumulation_steps


def plan_value(value: int | Auto, planned: float | None) -> int | Auto:
    """Return a value of the recipe, or the plan's if the recipe leaves it to the plan."""
    return int(planned) if value == "auto" and planned is not None else value


def render_pages(job: Job) -> Body | None:
    """Return the paths of the job's pages; None until there is one."""
    return {name: job_page(job.id, name) for name in list_pages(job)} or None


def render_event(event: Event) -> Body:
    """Render an event."""
    return {
        "id": event.id,
        "object": "fine_tuning.job.event",
        "created_at": event.created_at,
        "level": event.level,
        "message": event.message,
        "type": event.type,
        "data": event.data if event.type is EventType.METRICS or event.data else None,
    }


def render_checkpoint(job: Job, checkpoint: Checkpoint) -> Body:
    """Render a checkpoint."""
    return {
        "id": f"ftckpt_{job.id.removeprefix('ftjob-')}_{checkpoint.step}",
        "object": "fine_tuning.job.checkpoint",
        "created_at": checkpoint.created_at,
        "fine_tuned_model_checkpoint": f"{job.tuned_name}:ckpt-step-{checkpoint.step}",
        "fine_tuning_job_id": job.id,
        "step_number": checkpoint.step,
        "metrics": {
            "step": checkpoint.step,
            "train_loss": checkpoint.train_loss,
            "valid_loss": checkpoint.dev_loss,
            "full_valid_loss": checkpoint.dev_loss,
            "selectivity": checkpoint.selectivity,
        },
    }
