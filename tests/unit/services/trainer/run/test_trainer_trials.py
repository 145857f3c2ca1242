"""Which trials are run, their order, their report and their failure; the real child needs Axolotl's environment."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.artifacts import writing_progress
from scriptorium.artifacts.checkpoint_losses import checkpoint_losses_path
from scriptorium.artifacts.dataset import PreferenceRow, Row, write_rows
from scriptorium.artifacts.trials import TemperaturePoint, Trial, read_trials, trial_path
from scriptorium.artifacts.writing_progress import ProgressFile, ProgressWatch
from scriptorium.contracts import Checkpoint, TrainRequest
from scriptorium.errors import Cancelled
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.process.child import Child
from scriptorium.recipe import Calibration, Training
from services.trainer.run import measure_checkpoints, trials

CHECKPOINTS = [Checkpoint(step=step, created_at=0, dev_loss=loss) for step, loss in ((10, 3.2), (20, 3.0), (30, 3.1))]


def write(folder: Path, step: int | None, strength: float) -> None:
    trial = Trial(
        step=step, strength=strength, temperature=0.934, genuine_loss=3.9, passages=[], answers=[],
        temperatures=[TemperaturePoint(temperature=1.0, loss=4.2)],
    )  # fmt: skip
    path = trial_path(folder, step, strength)
    path.parent.mkdir(exist_ok=True)
    path.write_text(trial.model_dump_json())


def request(tmp_path: Path, **calibration: object) -> TrainRequest:
    return TrainRequest(
        dataset=tmp_path,
        base=tmp_path / "base",
        training=Training(),
        calibration=Calibration.model_validate(calibration),
    )


def row(name: str) -> Row:
    messages = [{"role": "user", "content": name}, {"role": "assistant", "content": f"passage of {name}"}]
    return Row.model_validate({"messages": messages, "chapter": "1"})


@given(st.lists(st.sampled_from([0.25, 0.5, 0.75, 1.0, 1.25]), min_size=1), st.integers(1, 3))
def test_the_base_once_the_best_at_every_strength_the_others_at_one(strengths: list[float], number: int) -> None:
    planned = trials.plan_trials(CHECKPOINTS[:number], strengths)
    best = {1: 10, 2: 20, 3: 20}[number]
    assert planned[0] == (None, 0.0)
    assert len(planned) == len(set(planned))
    assert {strength for step, strength in planned if step == best} == set(strengths)
    assert sorted(pair for pair in planned if pair[0] not in {None, best}) == [
        (checkpoint.step, 1.0) for checkpoint in CHECKPOINTS[:number] if checkpoint.step != best
    ]


def test_losses_at_full_strength_are_those_already_measured(tmp_path: Path) -> None:
    assert checkpoint_losses_path(tmp_path, 20) == checkpoint_losses_path(tmp_path, 20, 1.0)
    assert checkpoint_losses_path(tmp_path, 20, 0.75).name == "checkpoint-20@0.75.json"


def test_the_order_has_each_brief_once_and_cuts_genuine_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = SimpleNamespace(
        end_of_turn="<end>",
        render=lambda messages, add_generation_prompt: messages[-1]["content"],
        encode=lambda text: [99] if text == "<end>" else [len(text)],
        encode_text=lambda text: [1] * 500,
        encode_last_turn=lambda messages: ([1, 2, 3], 2),
        count=lambda texts: [len(text.split()) for text in texts],
    )
    monkeypatch.setattr(trials, "chat_tokenizer", lambda folder: tokenizer)
    monkeypatch.setattr(measure_checkpoints, "chat_tokenizer", lambda folder: tokenizer)
    order = trials.make_order(
        request(tmp_path, briefs=5, instructions=3),
        tmp_path,
        dev=[row("a"), PreferenceRow(**row("bb").model_dump(), rejected="not this")],
        measured=[row("a")],
        trials=[(None, 0.0), (20, 0.75)],
    )
    assert order["briefs"] == [[1], [2]]
    assert order["genuine"] == [[1] * trials.PROBE_TOKENS] * 2
    assert len(order["passages"]) == 1  # type: ignore[arg-type]
    assert order["end"] == 99
    assert len(order["instructions"]) == 3  # type: ignore[arg-type]
    base, tuned = json.loads(json.dumps(order["trials"]))
    assert base == {"path": str(tmp_path / "trials" / "base.json"), "step": None, "strength": 0.0}
    assert tuned["losses"] == str(tmp_path / "measured" / "checkpoint-20@0.75.json")
    assert tuned["adapter"] == str(tmp_path / "checkpoints" / "checkpoint-20")


@pytest.mark.parametrize(("strengths", "dev"), [([], [row("a")]), ([1.0], [])])
def test_without_strengths_or_dev_rows_nothing_is_tried(tmp_path: Path, strengths: list[float], dev: list[Row]) -> None:
    training = tmp_path / "training"
    training.mkdir()
    write_rows(tmp_path / "dev.jsonl", dev)
    assert trials.run_trials(request(tmp_path, strengths=strengths), training, dev, CHECKPOINTS, SilentReporter()) == 0
    assert list(training.iterdir()) == []


def test_complete_trials_are_not_repeated(tmp_path: Path) -> None:
    for step, strength in trials.plan_trials(CHECKPOINTS[:1], [0.5]):
        write(tmp_path, step, strength)
    losses = checkpoint_losses_path(tmp_path, 10, 0.5)
    losses.parent.mkdir()
    losses.touch()
    reporter = SilentReporter()
    trials.run_trials(request(tmp_path, strengths=[0.5]), tmp_path, [row("a")], CHECKPOINTS[:1], reporter)
    assert reporter.messages == []


def watch(folder: Path, program: str, reporter: SilentReporter) -> Child:
    child = Child([sys.executable, "-c", program], folder / trials.LOG, {})
    planned: list[trials.PlannedTrial] = [(None, 0.0), (20, 0.75), (20, 1.0)]
    progress = ProgressWatch(folder / "progress.json")
    trials.watch(child, folder, planned, planned[1:], reporter, progress=progress)
    return child


def test_a_trial_is_reported_with_its_place_among_all(tmp_path: Path) -> None:
    write(tmp_path, 20, 0.75)
    reporter = SilentReporter()
    watch(tmp_path, "", reporter)
    assert reporter.messages == ["[TRAIN] Trial 2/3: checkpoint-20 at strength 0.75 writes at temperature 0.93"]
    assert len(read_trials(tmp_path)) == 1


def test_a_batch_that_takes_long_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing_progress, "REPORT_INTERVAL", 0.0)
    write(tmp_path, 20, 0.75)
    ProgressFile(tmp_path / "progress.json").write("passages", 16, 640, 120)
    reporter = SilentReporter()
    watch(tmp_path, "import time; time.sleep(1)", reporter)
    assert reporter.messages[-1] == "[TRAIN] Trial 3/3: 16 passages, 120 of at most 640 tokens each"
    assert not (tmp_path / "progress.json").exists()


def test_a_failure_is_a_warning_and_leaves_no_trials(tmp_path: Path) -> None:
    write(tmp_path, 20, 0.75)
    reporter = SilentReporter()
    watch(tmp_path, "raise MemoryError('too large')", reporter)
    assert reporter.messages[-1] == (
        "[TRAIN] The trials failed, so the adapter is merged at strength 1: MemoryError: too large"
    )
    assert read_trials(tmp_path) == []


def test_a_cancelled_job_ends_the_child_and_keeps_what_is_complete(tmp_path: Path) -> None:
    class CancelledTrials(SilentReporter):
        def check(self) -> None:
            raise Cancelled("enough")

    write(tmp_path, 20, 0.75)
    with pytest.raises(Cancelled):
        watch(tmp_path, "import time; time.sleep(60)", CancelledTrials())
    assert len(read_trials(tmp_path)) == 1
