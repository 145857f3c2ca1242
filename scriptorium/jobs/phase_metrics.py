"""The metrics of a finished phase, from its result: set when it is published, and again when a job is restored."""

from __future__ import annotations

from typing import Any

from scriptorium.contracts import (
    CalibrateResult,
    EvaluateResult,
    LossDrop,
    MergeResult,
    Phase,
    PrepareResult,
    Result,
    ServeResult,
    TrainResult,
    TrialScore,
    VoiceScore,
)

RESULTS: dict[Phase, type[Result]] = {
    Phase.PREPARE: PrepareResult,
    Phase.TRAIN: TrainResult,
    Phase.CALIBRATE: CalibrateResult,
    Phase.MERGE: MergeResult,
    Phase.SERVE: ServeResult,
    Phase.EVALUATE: EvaluateResult,
}

Numbers = dict[str, float]


def collect_metrics(phase: Phase, result: Result, seconds: float) -> Numbers:
    """Return the metrics of a phase that took `seconds`, by the keys of `scriptorium.metrics.JOB_METRICS`."""
    return {f"phase_seconds/{phase}": seconds, **_result_metrics(result)}


def collect_manifest_metrics(phase: Phase, manifest: dict[str, Any]) -> Numbers:
    """Return the metrics of a phase that was published before, from its manifest."""
    return collect_metrics(phase, RESULTS[phase].model_validate(manifest["result"]), manifest["seconds"])


def _result_metrics(result: Result) -> Numbers:
    match result:
        case PrepareResult():
            return _prepare_metrics(result)
        case TrainResult():
            return _train_metrics(result)
        case CalibrateResult():
            return _calibrate_metrics(result)
        case MergeResult():
            return {"merge_bytes_per_second": result.bytes / result.seconds} if result.seconds else {}
        case ServeResult():
            return {}
        case EvaluateResult():
            return _evaluate_metrics(result)


def _prepare_metrics(result: PrepareResult) -> Numbers:
    parts = {name: split for name, split in result.splits.items() if name != "all"}  # the sum must not count twice
    return {
        "data_words": result.words,
        "data_chapters": result.chapters,
        "data_findings": len(result.findings),
        **{f"data_examples/{name}": split.examples for name, split in parts.items()},
    }


def _train_metrics(result: TrainResult) -> Numbers:
    """Return what training already reported while it ran, for a job whose metrics were lost."""
    last = result.checkpoints[-1] if result.checkpoints else None
    final_values = {
        "step": result.steps,
        "total_steps": result.steps,
        "trained_tokens": result.trained_tokens,
        "checkpoints": len(result.checkpoints),
        "train_loss": result.last_loss,
        "valid_loss": last.dev_loss if last else None,
    }
    curve = {f"checkpoint_selectivity/{checkpoint.step}": checkpoint.selectivity for checkpoint in result.checkpoints}
    return {name: value for name, value in {**final_values, **curve}.items() if value is not None}


def _calibrate_metrics(result: CalibrateResult) -> Numbers:
    """Return the choice, and the scores of its checkpoint's trials by strength."""
    numbers: Numbers = {"calibration_strength": result.strength}
    if result.scores:
        numbers["calibration_temperature"] = result.temperature
    for score in result.scores:
        if score.step == result.step:
            numbers |= _trial_metrics(score)
    return numbers


def _trial_metrics(score: TrialScore) -> Numbers:
    """Return T of a trial, and the change of the instructions followed as the gate judges it."""
    values = {"calibration_voice": score.transfer, "calibration_followed_points": score.low_points}
    return {f"{name}/{score.strength:g}": value for name, value in values.items() if value is not None}


def _evaluate_metrics(result: EvaluateResult) -> Numbers:
    texts = {"author": result.author, "others": result.others}
    losses: Numbers = {}
    for text, drop in texts.items():
        if drop:
            losses |= _loss_drop_metrics(text, drop)
    leak_rate = {} if result.leak_rate is None else {"evaluation_leak_ratio": result.leak_rate}
    voice = _voice_metrics(result.voice) if result.voice else {}
    return {"evaluation_samples": result.samples, **losses, **voice, **leak_rate}


def _voice_metrics(score: VoiceScore) -> Numbers:
    """Return T of the tuned model with its bounds, of the prompted base and of the closest other author."""
    scores = {
        "tuned": score.folded,
        "tuned low": score.low,
        "tuned high": score.high,
        "prompted": score.prompted,
        "impostor": score.impostor,
    }
    return {f"evaluation_voice/{text}": value for text, value in scores.items() if value is not None}


def _loss_drop_metrics(text: str, drop: LossDrop) -> Numbers:
    bounds = {"low": drop.low_percent, "mean": drop.drop_percent, "high": drop.high_percent}
    return {f"evaluation_loss_drop_percent/{text}/{bound}": value for bound, value in bounds.items()}
