"""A verdict that surprises: another trial is merged and measured, and the job ends with the best of those measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from standins import BASE
from work import event_messages, lose_lease

from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.training_log import TRAINING_CSV
from scriptorium.contracts import (
    CalibrateResult,
    DecisionKind,
    Endpoint,
    EvaluateRequest,
    EvaluateResult,
    Hyperparameters,
    Job,
    LossDrop,
    MergeRequest,
    MergeResult,
    Phase,
    ServeRequest,
    ServeResult,
    Status,
    TrainResult,
    TrialScore,
    VoiceScore,
)
from scriptorium.contracts.report.document import REPORT, REPORT_PAGE
from scriptorium.errors import EvaluationFailed
from scriptorium.jobs.reaper import reap
from scriptorium.jobs.reporter import Reporter
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context, run_phase
from scriptorium.recipe import Decisions, Recipe
from services.evaluator.follow_up.question import TRAIN_ANSWER
from services.evaluator.tasks import follow_up, record_updates

JOB = "ftjob-1"
DROP = LossDrop(passages=9, base=3, tuned=2, drop_percent=30, low_percent=20, high_percent=40)
KEPT = {"asked": 96, "base_followed": 40, "kept": True}
SCORES = [
    TrialScore(step=8, strength=1, temperature=0.9, transfer=70, low=60, high=80, followed=30, low_points=-18, **KEPT),
    TrialScore(step=8, strength=0.5, temperature=0.8, transfer=55, low=45, high=65, followed=41, low_points=-4, **KEPT),
    TrialScore(step=4, strength=1, temperature=0.9, transfer=50, low=40, high=60, followed=31, low_points=-16, **KEPT),
]
CALIBRATED = CalibrateResult(step=8, strength=1, temperature=0.9, scores=SCORES, reason="It has the most voice.")
TRAINED = TrainResult(checkpoints=[], first_loss=None, last_loss=None, steps=8, trained_tokens=1, seconds=1)
LOST = VoiceScore(verdict="rejected", folded=66, low=60, high=72, lower_bound=61, gates=["retention"])
GOOD = VoiceScore(verdict="production", folded=62, low=55, high=70, lower_bound=56)
WEAK = VoiceScore(verdict="rejected", folded=20, low=10, high=30, lower_bound=12, gates=["retention"])


class Killed(BaseException):
    """The end of a worker by SIGKILL."""


@dataclass
class Workers:
    """Do the work of the last three phases; `verdicts` is what an evaluation says, by checkpoint and strength."""

    context: Context
    verdicts: dict[tuple[int, float], VoiceScore | Exception]
    done: list[str] = field(default_factory=list)

    def merge(self, request: MergeRequest, folder: Path, reporter: Reporter) -> MergeResult:
        """Write weights that name the trial."""
        trial = f"{request.checkpoint} at {request.strength:g}"
        self.done.append(f"merge {trial}")
        (folder / "model.safetensors").write_text(trial)
        assert request.checkpoint is not None
        return MergeResult(
            step=request.checkpoint, strength=request.strength, temperature=request.temperature, dev_loss=None,
            merged_tensors=1, copied_tensors=0, bytes=10, seconds=1,
        )  # fmt: skip

    def serve(self, request: ServeRequest, folder: Path, reporter: Reporter) -> ServeResult:
        """Serve what lies in the merged folder."""
        endpoint = Endpoint(url="http://engine", model=(request.merged / "model.safetensors").read_text())
        return ServeResult(base=endpoint, tuned=endpoint, canary="Yes.", seconds=1)

    def evaluate(self, request: EvaluateRequest, folder: Path, reporter: Reporter) -> EvaluateResult:
        """Write a report on the model that is served."""
        assert request.calibration
        self.done.append(f"evaluate {request.tuned.model} after {request.measured_before}")
        step, _, strength = request.tuned.model.split()
        (folder / REPORT).write_text(request.tuned.model)
        (folder / REPORT_PAGE).write_text(f"<p>{request.tuned.model}")
        verdict = self.verdicts[int(step), float(strength)]
        if isinstance(verdict, Exception):
            raise verdict
        return EvaluateResult(author=DROP, others=None, samples=24, voice=verdict)

    def step(self) -> Job:
        """Run the phase that the job is at."""
        phase, context = self.job.phase, self.context
        if phase is Phase.MERGE:
            run_phase(JOB, phase, self.merge, context=context)
        elif phase is Phase.SERVE:
            run_phase(JOB, phase, self.serve, context=context)
        else:
            run_phase(
                JOB, phase, self.evaluate, record_updates=record_updates, follow_up=partial(follow_up, context),
                context=context,
            )  # fmt: skip
        return self.job

    def run(self) -> Job:
        """Run phase after phase until the job ends or waits; a killed worker's phase is sent again by the reaper."""
        for _ in range(40):
            try:
                job = self.step()
            except Killed:
                lose_lease(self.context, self.job, self.job.phase)
                with suppress(Killed):
                    reap(self.context, lambda task: 0)
            else:
                if job.status.final or job.status is Status.PAUSED:
                    return job
        raise AssertionError(f"the job goes round in circles: {self.done}")

    @property
    def job(self) -> Job:
        """The job's record."""
        return self.context.store.jobs.get(JOB)


def calibrated_job(context: Context, **policy: Any) -> Job:
    """Make a job that was trained and calibrated."""
    for phase, result in ((Phase.TRAIN, TRAINED), (Phase.CALIBRATE, CALIBRATED)):
        folder = context.volume.attempt(JOB, phase, 1)
        if phase is Phase.TRAIN:
            (folder / TRAINING_CSV).write_text("step,loss\n")
        context.volume.publish(JOB, phase, folder, {"result": result.model_dump(mode="json")})
    book = context.volume.root / "poe.txt"
    book.write_text("Once.")
    job = Job(
        id=JOB, created_at=int(time.time()), model=BASE,
        training_file=FileStore(context.volume.files).add_path(book, "poe.txt", "fine-tune").id,
        recipe=Recipe(name="cpu", decisions=Decisions.model_validate(policy)), hyperparameters=Hyperparameters(),
        phase=Phase.MERGE, status=Status.RUNNING, attempts={Phase.CALIBRATE: 1},
    )  # fmt: skip
    return context.pipeline.submit(job)


def text(context: Context, phase: Phase, name: str) -> str:
    return (context.volume.folder(JOB, phase) / name).read_text()


def result_names(context: Context, job: Job) -> dict[str, str]:
    files = FileStore(context.volume.files)
    return {files.get(file).filename: files.content(file).read_text() for file in job.result_files}


def test_a_clearly_better_trial_is_merged_and_measured_once_by_itself(context: Context) -> None:
    calibrated_job(context)
    workers = Workers(context, {(8, 1.0): LOST, (8, 0.5): GOOD})
    job = workers.run()
    assert (job.status, job.round, job.settled, job.error) == (Status.SUCCEEDED, 2, False, None)
    assert workers.done == [
        "merge 8 at 1", "evaluate 8 at 1 after 0", "merge 8 at 0.5", "evaluate 8 at 0.5 after 1",
    ]  # fmt: skip
    assert job.measured[1].answer == "trial-8-at-0.5"
    assert {number: model.verdict for number, model in job.measured.items()} == {1: "rejected", 2: "production"}
    assert text(context, Phase.MERGE, "model.safetensors") == text(context, Phase.EVALUATE, REPORT) == "8 at 0.5"
    names = result_names(context, job)
    assert names[f"{JOB}-report.json"] == "8 at 0.5"
    assert names[f"{JOB}-round-1-report.json"] == "8 at 1"
    assert context.volume.rounds(JOB, Phase.MERGE) == {}
    assert DecisionKind.VERDICT not in job.decisions
    (session,) = context.store.serving.sessions()
    assert {model.round for model in session.models} == {1, 2}  # the base's, and the tuned model's


def test_a_second_model_that_is_no_better_gives_way_to_the_first_without_any_work(context: Context) -> None:
    calibrated_job(context)
    workers = Workers(context, {(8, 1.0): LOST, (8, 0.5): WEAK})
    job = workers.run()
    assert (job.status, job.round, job.settled) == (Status.SUCCEEDED, 1, True)
    assert len(workers.done) == 4
    assert text(context, Phase.MERGE, "model.safetensors") == text(context, Phase.EVALUATE, REPORT) == "8 at 1"
    names = result_names(context, job)
    assert (names[f"{JOB}-report.json"], names[f"{JOB}-round-2-report.json"]) == ("8 at 1", "8 at 0.5")
    assert job.excused[Phase.MERGE] == 2
    commands = [line for line in event_messages(context, JOB) if "train again with a change" in line]
    assert commands == [
        f"[VALIDATE] To train again with a change: scriptorium run poe.txt --model {BASE} --recipe cpu"
        f"{commands[0].partition('--recipe cpu')[2]}"
    ]
    assert "training.keep=0.1" in commands[0]


def test_a_round_that_fails_ends_with_the_model_measured_before(context: Context) -> None:
    calibrated_job(context)
    job = Workers(context, {(8, 1.0): LOST, (8, 0.5): EvaluationFailed("The engine is gone.")}).run()
    assert (job.status, job.round, job.settled, job.error) == (Status.SUCCEEDED, 1, True, None)
    assert text(context, Phase.MERGE, "model.safetensors") == "8 at 1"
    assert any("The engine is gone." in line for line in event_messages(context, JOB))


def test_a_first_round_that_fails_fails_the_job(context: Context) -> None:
    calibrated_job(context)
    assert Workers(context, {(8, 1.0): EvaluationFailed("Gone.")}).run().status is Status.FAILED


def test_a_person_takes_trial_after_trial_and_none_twice(context: Context) -> None:
    calibrated_job(context, verdict="ask")
    workers = Workers(context, dict.fromkeys([(8, 1.0), (8, 0.5), (4, 1.0)], LOST))
    offered = []
    for answer in ("trial-4-at-1", "trial-8-at-0.5", TRAIN_ANSWER):
        job = workers.run()
        assert (job.status, job.open_decision is not None) == (Status.PAUSED, True)
        offered.append([option.name for option in job.decisions[DecisionKind.VERDICT].options])
        context.store.client.flushdb()
        restore_jobs(context)
        context.pipeline.answer(JOB, DecisionKind.VERDICT, answer)
    job = workers.run()
    assert offered == [
        ["end", "trial-8-at-0.5", "trial-4-at-1", "train_again"],
        ["end", "trial-8-at-0.5", "keep-round-2", "train_again"],
        ["end", "keep-round-2", "keep-round-3", "train_again"],
    ]
    assert (job.status, job.round, len(workers.done)) == (Status.SUCCEEDED, 1, 6)


def test_a_person_keeps_a_model_that_is_not_the_best(context: Context) -> None:
    calibrated_job(context, verdict="ask")
    workers = Workers(context, {(8, 1.0): LOST, (8, 0.5): WEAK})
    for answer in ("trial-8-at-0.5", "keep-round-2"):
        workers.run()
        context.pipeline.answer(JOB, DecisionKind.VERDICT, answer)
    job = workers.run()
    assert (job.status, job.round) == (Status.SUCCEEDED, 2)
    assert text(context, Phase.EVALUATE, REPORT) == "8 at 0.5"


def test_a_pause_between_two_rounds_is_kept(context: Context) -> None:
    calibrated_job(context)
    workers = Workers(context, {(8, 1.0): LOST, (8, 0.5): GOOD})
    workers.step()
    workers.step()
    context.store.jobs.update(JOB, lambda job: job.model_copy(update={"pause_requested": True}))
    with resumed_for_evaluation(context):
        job = workers.step()
    assert (job.status, job.phase, job.round) == (Status.PAUSED, Phase.MERGE, 2)


@contextmanager
def resumed_for_evaluation(context: Context) -> Iterator[None]:
    """Let the evaluation begin, and ask for the pause again when its work is done."""
    context.store.jobs.update(JOB, lambda job: job.model_copy(update={"pause_requested": False}))
    publish = context.volume.publish

    def pause(*arguments: Any) -> Path:
        context.store.jobs.update(JOB, lambda job: job.model_copy(update={"pause_requested": True}))
        return publish(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(context.volume, "publish", pause)
        yield


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_a_worker_may_die_at_every_rename_and_record_from_the_first_report_on(
    context: Context, monkeypatch: pytest.MonkeyPatch, *, late: bool
) -> None:
    calls, deadly = 0, -1

    def deadly_call(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == deadly and not late:
                raise Killed
            result = function(*arguments, **options)
            if calls == deadly:
                raise Killed
            return result

        return call

    rename, record = Path.rename, context.pipeline._record
    deadly = 0
    ends = set()
    while calls >= deadly:
        context.store.client.flushdb()
        monkeypatch.setattr(context.volume, "runs", context.volume.root / f"runs-{deadly}")
        calibrated_job(context)
        workers = Workers(context, {(8, 1.0): LOST, (8, 0.5): WEAK})
        workers.step()
        workers.step()
        calls = 0
        monkeypatch.setattr(Path, "rename", deadly_call(rename))
        monkeypatch.setattr(context.pipeline, "_record", deadly_call(record))
        job = workers.run()
        monkeypatch.setattr(Path, "rename", rename)
        monkeypatch.setattr(context.pipeline, "_record", record)
        report = {
            number: (path / REPORT).read_text() for number, path in context.volume.rounds(JOB, Phase.EVALUATE).items()
        }
        ends.add(
            (
                job.status, job.round, tuple(job.measured), text(context, Phase.MERGE, "model.safetensors"),
                text(context, Phase.EVALUATE, REPORT), tuple(report.items()), len(set(workers.done)),
            )
        )  # fmt: skip
        deadly += 1
    assert deadly > 8
    assert ends == {(Status.SUCCEEDED, 1, (1, 2), "8 at 1", "8 at 1", ((2, "8 at 0.5"),), 4)}
