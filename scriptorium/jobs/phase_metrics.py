"""The numbers of a finished phase, from its result: told when it is published, and again when a job is restored."""

from __future__ import annotations

from typing import Any

from scriptorium.contracts import (
    EvaluateResult,
    LossDrop,
    MergeResult,
    Phase,
    PrepareResult,
    Result,
    ServeResult,
    TrainResult,
    VoiceScore,
)

RESULTS: dict[Phase, type[Result]] = {
    Phase.PREPARE: PrepareResult,
    Phase.TRAIN: TrainResult,
    Phase.MERGE: MergeResult,
    Phase.SERVE: ServeResult,
    Phase.EVALUATE: EvaluateResult,
}

Numbers = dict[str, float]


def measure(phase: Phase, result: Result, seconds: float) -> Numbers:
    """What a phase that took `seconds` is worth in numbers, by the keys of `scriptorium.metrics.OF_A_JOB`."""
    return {f"phase_seconds/{phase}": seconds, **_numbers(result)}


def measure_manifest(phase: Phase, manifest: dict[str, Any]) -> Numbers:
    """The same from the manifest of a phase that was published before."""
    return measure(phase, RESULTS[phase].model_validate(manifest["result"]), manifest["seconds"])


def _numbers(result: Result) -> Numbers:
    match result:
        case PrepareResult():
            return _data(result)
        case TrainResult():
            return _training(result)
        case MergeResult():
            return {"merge_bytes_per_second": result.bytes / result.seconds} if result.seconds else {}
        case ServeResult():
            return {}
        case EvaluateResult():
            return _evaluation(result)


def _data(result: PrepareResult) -> Numbers:
    parts = {name: split for name, split in result.splits.items() if name != "all"}  # a sum must not count twice
    return {
        "data_words": result.words,
        "data_chapters": result.chapters,
        "data_findings": len(result.findings),
        **{f"data_examples/{name}": split.examples for name, split in parts.items()},
    }


def _training(result: TrainResult) -> Numbers:
    """What training has told already while it ran: here for a job whose numbers were lost."""
    last = result.checkpoints[-1] if result.checkpoints else None
    told = {
        "step": result.steps,
        "total_steps": result.steps,
        "trained_tokens": result.trained_tokens,
        "checkpoints": len(result.checkpoints),
        "train_loss": result.last_loss,
        "valid_loss": last.dev_loss if last else None,
    }
    curve = {f"checkpoint_selectivity/{one.step}": one.selectivity for one in result.checkpoints}
    return {name: value for name, value in {**told, **curve}.items() if value is not None}


def _evaluation(result: EvaluateResult) -> Numbers:
    texts = {"author": result.author, "others": result.others}
    drops = [_drop(text, drop) for text, drop in texts.items() if drop]
    told = {key: value for drop in drops for key, value in drop.items()}
    return {"evaluation_samples": result.samples, **told, **(_voice(result.voice) if result.voice else {})}


def _voice(score: VoiceScore) -> Numbers:
    """T of the tuned model with its bounds, of asking alone and of the closest other author."""
    told = {
        "tuned": score.folded,
        "tuned low": score.low,
        "tuned high": score.high,
        "prompted": score.prompted,
        "impostor": score.impostor,
    }
    return {f"evaluation_voice/{of}": value for of, value in told.items() if value is not None}


def _drop(text: str, drop: LossDrop) -> Numbers:
    bounds = {"low": drop.low_percent, "mean": drop.drop_percent, "high": drop.high_percent}
    return {f"evaluation_loss_drop_percent/{text}/{bound}": value for bound, value in bounds.items()}
