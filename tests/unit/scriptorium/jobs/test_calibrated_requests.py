"""What calibrating chose reaches merging, serving and the evaluation; jobs from before that phase go on without it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scriptorium.artifacts.dataset import QUALITY
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import (
    AnswerEndings,
    CalibrateResult,
    Endpoint,
    FindingsDecision,
    Hyperparameters,
    Job,
    MergeResult,
    Phase,
    PrepareResult,
    ReplayResult,
    Result,
    ServeProof,
    ServeResult,
    TrainResult,
    TrialChoice,
    TrialScore,
)
from scriptorium.errors import InternalError
from scriptorium.jobs.engine_sessions import session_models
from scriptorium.jobs.requests import RequestContext, calibrate, evaluate, mark_trial, merge, prepare, serve, train
from scriptorium.recipe import Data, Evaluation, Recipe, Select
from scriptorium.settings import Settings
from scriptorium.store.serving import Engine, WantedModel

TRAINED = TrainResult(checkpoints=[], first_loss=None, last_loss=None, steps=1, trained_tokens=1, seconds=1)
FINDINGS = FindingsDecision(
    codes={"line_repeated": 1}, share=0.01, tolerated=0.02, recommended="go_on", asked=False, answer="go_on"
)
PREPARED = PrepareResult(title="The River", words=9, chapters=1, splits={}, decision=FINDINGS)
SCORE = TrialScore(step=8, strength=0.75, temperature=0.9)
CHOSEN = CalibrateResult(step=8, strength=0.75, temperature=0.9, base_temperature=0.8, scores=[SCORE])
SERVED = ServeResult(
    base=Endpoint(url="http://a", model="tiny"),
    tuned=Endpoint(url="http://a", model="ft"),
    canary="",
    seconds=1,
    endings=AnswerEndings(questions=4, ended=3, max_tokens=1024),
)


@pytest.fixture
def volume(tmp_path: Path) -> Volume:
    volume = Volume(tmp_path)
    (volume.models / "tiny").mkdir(parents=True)
    (volume.models / "tiny" / "config.json").touch()
    publish(volume, Phase.TRAIN, TRAINED)
    return volume


@pytest.fixture
def context(volume: Volume) -> RequestContext:
    return RequestContext(Settings(data_dir=volume.root, device="cpu"), volume)


def publish(volume: Volume, phase: Phase, result: Result) -> None:
    """Publish a phase of the job."""
    volume.publish("ftjob-1", phase, volume.attempt("ftjob-1", phase, 1), {"result": result.model_dump(mode="json")})


def make_job(volume: Volume, select: Select = "balance", *, calibrated: bool = True, **fields: Any) -> Job:
    """Make a job that was or was not in the phase."""
    if calibrated:
        publish(volume, Phase.CALIBRATE, CHOSEN)
    book = volume.root / "book.txt"
    book.write_text("Once.")
    return Job(
        id="ftjob-1", created_at=0, model="tiny",
        training_file=FileStore(volume.files).add_path(book, "b.txt", "fine-tune").id,
        recipe=Recipe(name="r", select=select, evaluation=Evaluation(alike=["austen"])),
        hyperparameters=Hyperparameters(), attempts={Phase.CALIBRATE: 1} if calibrated else {}, **fields,
    )  # fmt: skip


@pytest.mark.parametrize(("of_job", "merged"), [(None, 0.6), (0.5, 0.5)])
def test_the_recipes_strength_is_merged_unless_the_job_names_one(
    volume: Volume, context: RequestContext, of_job: float | None, merged: float
) -> None:
    job = make_job(volume, strength=of_job)
    job = job.model_copy(update={"recipe": job.recipe.model_copy(update={"strength": 0.6})})
    assert calibrate(job, context).strength == merged
    request = merge(job, context)
    assert (request.checkpoint, request.strength, request.temperature) == (8, merged, 0.9)
    assert merge(make_job(volume, calibrated=False, strength=merged), context).strength == merged
    assert train(job, context).calibration.strengths == [merged], "trials at other strengths would choose nothing"


def test_what_the_job_names_is_not_chosen(volume: Volume, context: RequestContext) -> None:
    request = calibrate(make_job(volume, checkpoint=4, strength=0.5), context)
    assert (request.checkpoint, request.strength, request.select) == (4, 0.5, "balance")
    assert (request.alike, request.tokenizer) == (["austen"], volume.models / "tiny")
    assert request.dataset == volume.folder("ftjob-1", Phase.PREPARE)


@pytest.mark.parametrize(
    ("select", "fields", "merged"),
    [
        ("balance", {}, (8, 0.75)),
        ("balance", {"checkpoint": 4}, (4, 0.75)),
        ("balance", {"strength": 1.5}, (8, 1.5)),
        ("loss", {}, (None, 1.0)),
        ("voice", {"strength": 0.5}, (None, 0.5)),
        ("decision", {"checkpoint": 4}, (4, 1.0)),
    ],
)
def test_a_balance_merges_what_was_chosen(
    volume: Volume, context: RequestContext, select: Select, fields: dict[str, Any], merged: tuple[int, float]
) -> None:
    request = merge(make_job(volume, select, **fields), context)
    assert (request.checkpoint, request.strength, request.temperature) == (*merged, 0.9)


@pytest.mark.parametrize("strength", [None, 0.5])
def test_a_job_that_was_never_calibrated_is_merged(
    volume: Volume, context: RequestContext, strength: float | None
) -> None:
    request = merge(make_job(volume, calibrated=False, strength=strength), context)
    assert (request.checkpoint, request.strength, request.temperature) == (None, strength or 1.0, None)


def test_without_trials_there_is_no_temperature(volume: Volume, context: RequestContext) -> None:
    publish(volume, Phase.CALIBRATE, CalibrateResult())
    job = make_job(volume, calibrated=False).model_copy(update={"attempts": {Phase.CALIBRATE: 1}})
    assert merge(job, context).temperature is None


def test_a_calibration_that_is_lost_is_not_overlooked(volume: Volume, context: RequestContext) -> None:
    job = make_job(volume, calibrated=False).model_copy(update={"attempts": {Phase.CALIBRATE: 1}})
    with pytest.raises(InternalError, match="calibrate of ftjob-1"):
        merge(job, context)


@pytest.mark.parametrize(
    ("strength", "adapter", "measured"),
    [
        (1.0, "training/checkpoints/checkpoint-8", "checkpoint-8.json"),
        (0.75, "merged/adapter", "checkpoint-8@0.75.json"),
    ],
)
def test_base_and_adapter_are_served_as_they_were_merged(
    volume: Volume, context: RequestContext, strength: float, adapter: str, measured: str
) -> None:
    merged = MergeResult(
        step=8, strength=strength, temperature=0.9, dev_loss=3, merged_tensors=1, copied_tensors=1, bytes=1, seconds=1
    )
    publish(volume, Phase.MERGE, merged)
    request = serve(make_job(volume), context)
    assert request.adapter == volume.run("ftjob-1") / adapter
    assert request.measured
    assert request.measured.name == measured
    for gpu in (True, False):
        base, tuned = session_models(request, gpu=gpu)
        assert (base.temperature, tuned.temperature) == (None, 0.9)


@pytest.mark.parametrize("calibrated", [True, False])
def test_the_evaluation_writes_at_the_temperatures(volume: Volume, context: RequestContext, calibrated: bool) -> None:
    temperature = 0.9 if calibrated else None
    publish(volume, Phase.MERGE, MergeResult(
        step=8, temperature=temperature, dev_loss=3, merged_tensors=1, copied_tensors=1, bytes=1, seconds=1
    ))  # fmt: skip
    publish(volume, Phase.SERVE, SERVED)
    request = evaluate(make_job(volume, calibrated=calibrated), context)
    assert (request.temperature, request.base_temperature) == ((0.9, 0.8) if calibrated else (1.0, 1.0))
    assert request.calibration == (CHOSEN if calibrated else None)
    assert request.replay is None
    assert request.served == ServeProof(canary="", endings=SERVED.endings)


def test_the_kinds_that_were_replayed_are_judged_apart(tmp_path: Path) -> None:
    volume = Volume(tmp_path)
    (volume.models / "tiny").mkdir(parents=True)
    (volume.models / "tiny" / "config.json").touch()
    replay = ReplayResult(rows=2, tokens=9, share=0.05, kinds={"poem": 1, "list": 1})
    publish(volume, Phase.TRAIN, TRAINED.model_copy(update={"replay": replay}))
    publish(
        volume, Phase.MERGE, MergeResult(step=8, dev_loss=3, merged_tensors=1, copied_tensors=1, bytes=1, seconds=1)
    )
    publish(volume, Phase.SERVE, SERVED)
    context = RequestContext(Settings(data_dir=tmp_path, device="cpu"), volume)
    request = evaluate(make_job(volume), context)
    assert request.replay == replay
    assert (request.title, request.suffix) == ("B", "")  # made of its file's name, "b.txt"


def test_the_report_is_titled_by_the_book_and_not_by_the_suffix(volume: Volume, context: RequestContext) -> None:
    publish(
        volume, Phase.MERGE, MergeResult(step=8, dev_loss=3, merged_tensors=1, copied_tensors=1, bytes=1, seconds=1)
    )
    publish(volume, Phase.SERVE, SERVED)
    volume.folder("ftjob-1", Phase.PREPARE).mkdir()
    (volume.folder("ftjob-1", Phase.PREPARE) / QUALITY).write_text(PREPARED.model_dump_json())
    request = evaluate(make_job(volume, suffix="second try"), context)
    assert (request.title, request.suffix, request.findings) == ("The River", "second try", FINDINGS)


def test_new_scenes_follow_the_setting_and_other_names_the_recipe(volume: Volume) -> None:
    publish(
        volume, Phase.MERGE, MergeResult(step=8, dev_loss=None, merged_tensors=1, copied_tensors=1, bytes=1, seconds=1)
    )
    publish(volume, Phase.SERVE, SERVED)
    settings = Settings(data_dir=volume.root, device="cpu", evaluation_scenes=7, evaluation_judged_prompts=5)
    context = RequestContext(settings, volume)
    job = make_job(volume)
    assert (evaluate(job, context).scenes, evaluate(job, context).judged_prompts) == (7, 5)
    assert prepare(job, context).rename == 0
    recipe = job.recipe.model_copy(update={"data": Data(rename=0.5)})
    assert prepare(job.model_copy(update={"recipe": recipe}), context).rename == 0.5


def test_a_trial_that_was_decided_on_comes_before_what_calibrating_chose_and_the_job_names(
    volume: Volume, context: RequestContext
) -> None:
    trial = TrialChoice(step=4, strength=0.5, temperature=0.8)
    job = make_job(volume, strength=1.5).model_copy(update={"trial": trial, "round": 2})
    request = merge(job, context)
    assert (request.checkpoint, request.strength, request.temperature) == (4, 0.5, 0.8)
    calibrated = CHOSEN.model_copy(
        update={
            "scores": [SCORE.model_copy(update={"chosen": True}), SCORE.model_copy(update={"step": 4, "strength": 0.5})]
        }
    )
    marked = mark_trial(calibrated, job)
    assert [score.chosen for score in marked.scores] == [False, True]
    assert (marked.step, marked.strength, marked.temperature, marked.base_temperature) == (4, 0.5, 0.8, 0.8)
    assert marked.reason.startswith("Merged in round 2")


def test_the_engine_of_another_round_is_not_asked() -> None:
    model = WantedModel(name="ft", folder="merged", round=2)
    assert Engine(name="ft", folder="merged", state="ready", round=2).serves(model)
    assert not Engine(name="ft", folder="merged", state="ready").serves(model)
