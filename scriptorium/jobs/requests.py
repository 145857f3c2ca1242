"""The request of each phase, made from the job, the settings and the volume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from scriptorium import contracts as c
from scriptorium.artifacts.checkpoint_losses import checkpoint_losses_path
from scriptorium.artifacts.checkpoints import SCALED_ADAPTER, checkpoint_folder
from scriptorium.artifacts.dataset import read_quality
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.training_log import TRAINING_LOG
from scriptorium.artifacts.volume import Volume
from scriptorium.errors import InternalError, OutOfMemory
from scriptorium.jobs.reporter import Reporter, SilentReporter
from scriptorium.models.base_models import locate_model, obtain_model
from scriptorium.recipe import Data, Training
from scriptorium.settings import Settings
from scriptorium.text.titles import read_name


@dataclass(frozen=True)
class RequestContext:
    """The settings and the volume that a request is made from; the reporter hears of a base that is fetched."""

    settings: Settings
    volume: Volume
    reporter: Reporter = field(default_factory=SilentReporter)

    def base(self, job: c.Job) -> Path:
        """Return the base model's folder."""
        return locate_model(job.model, self.volume.models)

    def result(self, job: c.Job, phase: c.Phase) -> dict[str, object]:
        """Return the published result of an earlier phase. Raises InternalError if there is none."""
        body = self.volume.published(job.id, phase)
        if body is None:
            raise InternalError(f"{phase} of {job.id} should have been published by now, but its folder is incomplete.")
        result: dict[str, object] = body["result"]
        return result


def prepare(job: c.Job, context: RequestContext) -> c.PrepareRequest:
    """Make the request from the manuscript, the base, and the recipe's data section; fetch the base if need be."""
    file = FileStore(context.volume.files).get(job.training_file)
    data = job.recipe.data
    return c.PrepareRequest(
        manuscript=FileStore(context.volume.files).content(file.id),
        filename=file.filename,
        **validation(job, context),
        base=obtain_model(job.model, context.volume.models, context.reporter),
        language=data.language,
        prompt=data.prompt,
        method=job.recipe.training.method,
        mix=data.mix,
        rename=data.rename,
        brief_writer=brief_writer(data, job.model, context.settings),
        system=data.system,
        sequence_len=job.recipe.training.sequence_len,
        chunking=data.chunking,
        split=data.split,
        references=context.volume.references if context.volume.references.is_dir() else None,
        **impostors(job, context),
        skip_cleaning=data.skip_cleaning,
        keep_doubtful=answer_to(job, c.DecisionKind.DATA_QUALITY) == c.KEEP_ANSWER,
        tolerated_share=job.recipe.decisions.tolerated_share,
        answered=answer_to(job, c.DecisionKind.DATA_QUALITY) is not None,
        seed=job.seed,
    )


def answer_to(job: c.Job, kind: c.DecisionKind) -> str | None:
    """Return the answer to the question of a kind, if it has been asked and answered."""
    return job.decisions[kind].answer if kind in job.decisions else None


def validation(job: c.Job, context: RequestContext) -> dict[str, Any]:
    """Return the manuscript that is dev, if the job names one."""
    if job.validation_file is None:
        return {}
    file = FileStore(context.volume.files).get(job.validation_file)
    return {"validation": FileStore(context.volume.files).content(file.id), "validation_name": file.filename}


def impostors(job: c.Job, context: RequestContext) -> dict[str, Any]:
    """Return the comparison authors, if there are any: the job's own upload, else the folder of the settings."""
    if job.impostors:
        file = FileStore(context.volume.files).get(job.impostors)
        return {"impostors": FileStore(context.volume.files).content(file.id), "impostors_name": file.filename}
    folder = context.settings.impostors
    return {"impostors": folder, "impostors_name": folder.name} if folder else {}


def brief_writer(data: Data, base: str, settings: Settings) -> c.Endpoint | None:
    """Return the model that writes briefs, if the recipe wants one."""
    if data.briefs == "extracted":
        return None
    key = SecretStr(settings.brief_server_key)
    return c.Endpoint(url=settings.brief_server, model=settings.brief_model or base, key=key)


def train(job: c.Job, context: RequestContext) -> c.TrainRequest:
    """Make the request from the dataset, the base, and the recipe with the job's own hyperparameters and answers."""
    training = apply_hyperparameters(job.recipe.training, job.hyperparameters)
    return c.TrainRequest(
        dataset=context.volume.folder(job.id, c.Phase.PREPARE),
        base=context.base(job),
        training=apply_answers(training, job.decisions),
        seed=job.seed,
        replay_cache=context.volume.replay,
        replay_rows=context.settings.replay_rows,
        drafts=job.recipe.data.drafts,
        calibration=job.recipe.calibration.limited_to(named_strength(job)),
        wandb=wandb(job),
    )


def wandb(job: c.Job) -> c.WandbRequest | None:
    """Return the run at Weights & Biases that the job asks for, tagged like those of the hosted API."""
    for integration in job.integrations:
        run = integration.wandb
        tags = [*run.tags, "scriptorium", job.id]
        return c.WandbRequest(
            id=job.id, project=run.project, name=run.name or job.id, entity=run.entity, tags=list(dict.fromkeys(tags))
        )
    return None


def calibrate(job: c.Job, context: RequestContext) -> c.CalibrateRequest:
    """Make the request from the dataset and the training folder; what the job names itself is not chosen."""
    return c.CalibrateRequest(
        dataset=context.volume.folder(job.id, c.Phase.PREPARE),
        training=context.volume.folder(job.id, c.Phase.TRAIN),
        tokenizer=context.base(job),
        select=job.recipe.select,
        checkpoint=job.checkpoint,
        strength=named_strength(job),
        alike=job.recipe.evaluation.alike,
        seed=job.seed,
    )


def named_strength(job: c.Job) -> float | None:
    """Return the strength that the job names, or else its recipe; None if it is to be chosen."""
    return job.recipe.strength if job.strength is None else job.strength


def calibration(job: c.Job, context: RequestContext) -> c.CalibrateResult | None:
    """Return what calibrating came to; None for a job that was beyond that phase before there was one."""
    if c.Phase.CALIBRATE not in job.attempts:
        return None
    return c.CalibrateResult.model_validate(context.result(job, c.Phase.CALIBRATE))


def merge(job: c.Job, context: RequestContext) -> c.MergeRequest:
    """Make the request from the training folder and the base it started from.

    A trial that was decided on comes first. Otherwise checkpoint and strength are those that the job names; with
    `select: balance` calibrating chose what it leaves open. Without trials there is no temperature.
    """
    return c.MergeRequest(
        base=context.base(job),
        training=context.volume.folder(job.id, c.Phase.TRAIN),
        **merged_trial(job, calibration(job, context)),
        select=job.recipe.select,
        exports=job.recipe.export,
        base_hashes=c.TrainResult.model_validate(context.result(job, c.Phase.TRAIN)).base_hashes,
    )


def merged_trial(job: c.Job, calibrated: c.CalibrateResult | None) -> dict[str, Any]:
    """Return the checkpoint, strength and temperature that are merged."""
    if job.trial:
        return {
            "checkpoint": job.trial.step,
            "strength": job.trial.strength,
            "temperature": job.trial.temperature,
        }
    chosen = calibrated if calibrated and job.recipe.select == "balance" else c.CalibrateResult()
    named = named_strength(job)
    return {
        "checkpoint": chosen.step if job.checkpoint is None else job.checkpoint,
        "strength": chosen.strength if named is None else named,
        "temperature": calibrated.temperature if calibrated and calibrated.scores else None,
    }


def mark_trial(calibrated: c.CalibrateResult, job: c.Job) -> c.CalibrateResult:
    """Mark the trial that a later round has merged instead of the chosen one; the curve is that of another trial."""
    trial = job.trial
    if trial is None:
        return calibrated
    scores = [
        score.model_copy(update={"chosen": (score.step, score.strength) == (trial.step, trial.strength)})
        for score in calibrated.scores
    ]
    merged = merged_trial(job, calibrated)
    reason = f"Merged in round {job.round}, after a surprising verdict. Calibrating had said: {calibrated.reason}"
    changes = {
        "step": merged["checkpoint"],
        "strength": merged["strength"],
        "temperature": merged["temperature"] or 1.0,
    }
    return calibrated.model_copy(update={**changes, "scores": scores, "temperatures": [], "reason": reason})


def serve(job: c.Job, context: RequestContext) -> c.ServeRequest:
    """Make the request from the base, the merged model, and the adapter they differ by, scaled as it was merged."""
    merged = c.MergeResult.model_validate(context.result(job, c.Phase.MERGE))
    training, model = (context.volume.folder(job.id, phase) for phase in (c.Phase.TRAIN, c.Phase.MERGE))
    trained = checkpoint_folder(training, merged.step)
    return c.ServeRequest(
        base=context.base(job),
        base_name=job.model,
        merged=model,
        adapter=trained if merged.strength == 1 else model / SCALED_ADAPTER,
        tuned_name=job.tuned_name,
        measured=checkpoint_losses_path(training, merged.step, merged.strength),
        merged_on=merged.base,
        temperature=merged.temperature,
        job_id=job.id,
        rank=job.rank,
        round=job.round,
    )


def evaluate(job: c.Job, context: RequestContext) -> c.EvaluateRequest:
    """Make the request from the held-out briefs and the two endpoints that the serve phase left running."""
    served = c.ServeResult.model_validate(context.result(job, c.Phase.SERVE))
    trained = c.TrainResult.model_validate(context.result(job, c.Phase.TRAIN))
    merged = c.MergeResult.model_validate(context.result(job, c.Phase.MERGE))
    calibrated = calibration(job, context)
    prepared = read_quality(context.volume.folder(job.id, c.Phase.PREPARE))
    file = FileStore(context.volume.files).get(job.training_file)
    return c.EvaluateRequest(
        dataset=context.volume.folder(job.id, c.Phase.PREPARE),
        tokenizer=context.volume.folder(job.id, c.Phase.MERGE),
        base=served.base,
        tuned=served.tuned,
        metrics=context.volume.folder(job.id, c.Phase.TRAIN) / TRAINING_LOG,
        title=(prepared and prepared.title) or read_name(file.filename),
        suffix=job.suffix or "",
        findings=prepared and prepared.decision,
        prompts=context.settings.evaluation_prompts,
        passages=context.settings.evaluation_passages,
        max_tokens=context.settings.evaluation_max_tokens,
        instructions=context.settings.evaluation_instructions,
        scenes=context.settings.evaluation_scenes,
        rewrites=context.settings.evaluation_rewrites,
        judged_prompts=context.settings.evaluation_judged_prompts,
        alike=job.recipe.evaluation.alike,
        streams=context.settings.streams,
        seeded=context.settings.gpu,
        temperature=1.0 if merged.temperature is None else merged.temperature,
        base_temperature=calibrated.base_temperature if calibrated else 1.0,
        replay=trained.replay,
        calibration=mark_trial(calibrated, job) if calibrated else None,
        served=c.ServeProof.model_validate(served.model_dump(include=set(c.ServeProof.model_fields))),
        measured_before=len(job.measured.keys() - {job.round}),
        seed=job.seed,
    )


REQUEST_MAKERS: dict[c.Phase, Callable[[c.Job, RequestContext], c.Request]] = {
    c.Phase.PREPARE: prepare,
    c.Phase.TRAIN: train,
    c.Phase.CALIBRATE: calibrate,
    c.Phase.MERGE: merge,
    c.Phase.SERVE: serve,
    c.Phase.EVALUATE: evaluate,
}


def apply_hyperparameters(training: Training, hyperparameters: c.Hyperparameters) -> Training:
    """Return the recipe's training section with the API's hyperparameters; "auto" leaves the recipe's value.

    `batch_size` is the effective batch, reached by gradient accumulation, so memory use stays the recipe's.
    """
    changes: dict[str, object] = {}
    if hyperparameters.n_epochs != "auto":
        changes |= {"num_epochs": hyperparameters.n_epochs, "max_steps": None}
    if hyperparameters.batch_size != "auto":
        micro_batch = 1 if training.micro_batch_size == "auto" else training.micro_batch_size
        accumulation = max(1, hyperparameters.batch_size // micro_batch)
        changes |= {"micro_batch_size": micro_batch, "gradient_accumulation_steps": accumulation}
    if hyperparameters.learning_rate_multiplier != "auto":
        changes["learning_rate"] = training.nominal_rate * hyperparameters.learning_rate_multiplier
    return training.model_copy(update=changes)


def apply_answers(training: Training, decisions: Mapping[c.DecisionKind, c.Decision]) -> Training:
    """Return the training options with the changes that were decided after earlier attempts.

    Raises OutOfMemory if the answer was to end the job.
    """
    kind = c.DecisionKind.OUT_OF_MEMORY
    option = decisions[kind].taken if kind in decisions else None
    if option and option.name == c.STOP_ANSWER:
        raise OutOfMemory(f"Training stopped by your decision. {decisions[kind].reason}")
    return training.model_copy(update=option.changes) if option else training
