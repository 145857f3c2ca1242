"""The metrics of finished phases, and the metric of a key in the store."""

import pytest

from scriptorium import metrics
from scriptorium.contracts import (
    CalibrateResult,
    Checkpoint,
    Endpoint,
    EvaluateResult,
    Finding,
    LossDrop,
    MergeResult,
    Phase,
    PrepareResult,
    Result,
    ServeResult,
    TokenStatistics,
    TrainResult,
    TrialScore,
)
from scriptorium.jobs.phase_metrics import RESULTS, collect_manifest_metrics, collect_metrics


def split(examples: int) -> TokenStatistics:
    return TokenStatistics(examples=examples, mean=1, minimum=1, maximum=1, total=1)


DROP = LossDrop(passages=9, base=3.0, tuned=2.7, drop_percent=10.0, low_percent=8.0, high_percent=12.0)
RESULT: dict[Phase, Result] = {
    Phase.PREPARE: PrepareResult(
        words=900,
        chapters=4,
        splits={"all": split(10), "train": split(7), "dev": split(3)},
        findings=[Finding(code="short", place="chapter 1", message="x")],
    ),
    Phase.TRAIN: TrainResult(
        checkpoints=[
            Checkpoint(step=4, created_at=1, dev_loss=3.5),
            Checkpoint(step=8, created_at=2, dev_loss=3.4, selectivity=0.2),
        ],
        first_loss=4.0, last_loss=3.1, steps=8, trained_tokens=4096, seconds=20.0,
    ),
    Phase.CALIBRATE: CalibrateResult(
        step=8, strength=0.75, temperature=0.9,
        scores=[
            TrialScore(step=4, strength=1, temperature=1.0, transfer=50.0, low_points=-2.0),
            TrialScore(step=8, strength=0.75, temperature=0.9, transfer=70.0, low_points=-4.5),
            TrialScore(step=8, strength=1, temperature=0.95, transfer=80.0),
        ],
    ),
    Phase.MERGE: MergeResult(step=8, dev_loss=3.4, merged_tensors=2, copied_tensors=1, bytes=3000, seconds=1.5),
    Phase.SERVE: ServeResult(
        base=Endpoint(url="http://a", model="a"), tuned=Endpoint(url="http://b", model="b"), canary="Yes.", seconds=1.0
    ),
    Phase.EVALUATE: EvaluateResult(author=DROP, others=None, samples=12, leak_rate=0.25),
}  # fmt: skip
EXPECTED: dict[Phase, dict[str, float]] = {
    Phase.PREPARE: {
        "data_words": 900, "data_chapters": 4, "data_findings": 1, "data_examples/train": 7, "data_examples/dev": 3,
    },
    Phase.TRAIN: {
        "step": 8, "total_steps": 8, "trained_tokens": 4096, "checkpoints": 2, "train_loss": 3.1, "valid_loss": 3.4,
        "checkpoint_selectivity/8": 0.2,
    },
    Phase.CALIBRATE: {
        "calibration_strength": 0.75, "calibration_temperature": 0.9,
        "calibration_voice/0.75": 70.0, "calibration_voice/1": 80.0, "calibration_followed_points/0.75": -4.5,
    },
    Phase.MERGE: {"merge_bytes_per_second": 2000.0},
    Phase.SERVE: {},
    Phase.EVALUATE: {
        "evaluation_samples": 12, "evaluation_leak_ratio": 0.25,
        "evaluation_loss_drop_percent/author/low": 8.0,
        "evaluation_loss_drop_percent/author/mean": 10.0,
        "evaluation_loss_drop_percent/author/high": 12.0,
    },
}  # fmt: skip


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_has_its_numbers_and_each_is_a_metric(phase: Phase) -> None:
    numbers = collect_metrics(phase, RESULT[phase], 2.5)
    assert numbers == {f"phase_seconds/{phase}": 2.5, **EXPECTED[phase]}
    assert all(metrics.find_metric(key) for key in numbers)


@pytest.mark.parametrize("phase", list(Phase))
def test_a_manifest_has_the_same_numbers(phase: Phase) -> None:
    body = {"seconds": 2.5, "result": RESULT[phase].model_dump(mode="json"), "attempt": 1}
    assert collect_manifest_metrics(phase, body) == collect_metrics(phase, RESULT[phase], 2.5)
    assert type(RESULT[phase]) is RESULTS[phase]


def test_other_authors_have_metrics_if_there_are_any() -> None:
    others = DROP.model_copy(update={"drop_percent": 1.0})
    numbers = collect_metrics(Phase.EVALUATE, EvaluateResult(author=DROP, others=others, samples=1), 1.0)
    assert numbers["evaluation_loss_drop_percent/others/mean"] == 1.0


def test_missing_values_are_left_out() -> None:
    nothing = TrainResult(checkpoints=[], first_loss=None, last_loss=None, steps=0, trained_tokens=0, seconds=0.0)
    assert {"train_loss", "valid_loss"}.isdisjoint(collect_metrics(Phase.TRAIN, nothing, 1.0))
    assert collect_metrics(Phase.CALIBRATE, CalibrateResult(), 1.0).keys() == {
        "phase_seconds/calibrate", "calibration_strength",
    }  # fmt: skip
    instant = RESULT[Phase.MERGE].model_copy(update={"seconds": 0.0})
    assert collect_metrics(Phase.MERGE, instant, 1.0) == {"phase_seconds/merge": 1.0}


def test_a_key_carries_the_labels_besides_the_job() -> None:
    match = metrics.find_metric("evaluation_loss_drop_percent/author/low")
    assert match is not None
    assert (match[0].labels, match[1]) == (("job_id", "text", "bound"), ("author", "low"))
    assert metrics.find_metric("step") == (metrics.JOB_METRICS["step"], ())


@pytest.mark.parametrize("key", ["unheard_of", "step/1", "phase_seconds", "phase_seconds/train/x"])
def test_a_key_of_another_version_is_no_metric(key: str) -> None:
    assert metrics.find_metric(key) is None
