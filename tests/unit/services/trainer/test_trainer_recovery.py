"""Trainings that fail on the way and come to their end all the same; the real Axolotl is in bench and in e2e."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from scriptorium.contracts import STOP_ANSWER, Decision, DecisionKind, TrainResult
from scriptorium.errors import (
    DecisionNeeded,
    DiskFull,
    DriverMismatch,
    ModelTooLarge,
    OutOfMemory,
    TrainingDiverged,
    TrainingKilled,
    TrainingStalled,
)
from scriptorium.jobs.reporter import SilentReporter
from services.trainer.run.resume import resume_training
from services.trainer.train import train_adapter
from tests.fake_axolotl import FakeAxolotl, make_request

NO_MEMORY = "fail('torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.')"
SAVED_THEN_NO_MEMORY = f"begin(); steps(1, 3); save(3); steps(4, 4); {NO_MEMORY}"
NO_SPACE = "begin(); steps(1, 3); save(3); save(5, complete=False); fail('OSError: [Errno 28] No space left on device')"


HANGS = "[TRAIN] Training is finished but does not exit; its process is ended."


class PersonReporter(SilentReporter):
    """Answers every question with the next of the answers, or pauses the job if there are none left."""

    def __init__(self, *answers: str) -> None:
        super().__init__()
        self.answers = list(answers)
        self.questions: list[Decision] = []

    def ask(self, decision: Decision) -> str:
        self.questions.append(decision)
        if not self.answers:
            raise DecisionNeeded(decision.question)
        return self.answers.pop(0)


@pytest.fixture
def train(tmp_path: Path, attempt: Path, axolotl_command: FakeAxolotl) -> Callable[..., TrainResult]:
    """Return a function that trains with options of a recipe."""

    def run(reporter: SilentReporter, **training: object) -> TrainResult:
        return train_adapter(make_request(tmp_path, **training), attempt, reporter)

    return run


Train = Callable[..., TrainResult]


def test_a_smaller_micro_batch_carries_a_training_without_memory_to_its_end(
    train: Train, axolotl_command: FakeAxolotl
) -> None:
    axolotl_command.will(SAVED_THEN_NO_MEMORY, f"begin(); {NO_MEMORY}", "finish()")
    reporter = SilentReporter()
    result = train(reporter, micro_batch_size=4, gradient_checkpointing=False)
    keys = ("micro_batch_size", "gradient_accumulation_steps", "gradient_checkpointing", "resumed")
    assert [tuple(config[key] for key in keys) for config in axolotl_command.configs] == [
        (4, 2, False, 0), (2, 4, True, 3), (1, 8, True, 3),
    ]  # fmt: skip
    assert result.steps == 6
    assert [checkpoint.step for checkpoint in result.checkpoints] == [3, 6]


def test_a_model_that_does_not_even_load_is_no_matter_of_the_micro_batch(
    train: Train, axolotl_command: FakeAxolotl
) -> None:
    axolotl_command.will(NO_MEMORY)
    with pytest.raises(ModelTooLarge, match="before its first step"):
        train(SilentReporter(), micro_batch_size=4)


def test_what_should_be_changed_is_a_question_with_numbers(train: Train, axolotl_command: FakeAxolotl) -> None:
    axolotl_command.will(SAVED_THEN_NO_MEMORY)
    reporter = PersonReporter()
    with pytest.raises(DecisionNeeded):
        train(reporter, micro_batch_size=4)
    (question,) = reporter.questions
    assert question.kind is DecisionKind.OUT_OF_MEMORY
    assert "at step 4 (lora, rank 64, micro-batch 4" in question.reason
    assert "Tried to allocate 2.00 GiB" in question.reason
    assert [option.name for option in question.options] == ["micro_batch_2", "lora_r_32", STOP_ANSWER]
    assert question.recommended == "micro_batch_2"
    assert "micro-batch 4 -> 2, accumulation 2 -> 4" in question.options[0].meaning


def test_another_rank_begins_anew(train: Train, axolotl_command: FakeAxolotl, attempt: Path) -> None:
    axolotl_command.will(SAVED_THEN_NO_MEMORY, "finish()")
    result = train(PersonReporter("lora_r_32"))
    assert [checkpoint.step for checkpoint in result.checkpoints] == [6]
    assert axolotl_command.configs[1].items() >= {"lora_r": 32, "lora_alpha": 16, "resumed": 0}.items()
    assert (attempt / "begun_anew").exists()


def test_without_a_remedy_or_with_the_answer_to_stop_the_training_fails(
    train: Train, axolotl_command: FakeAxolotl, tmp_path: Path, attempt: Path
) -> None:
    axolotl_command.will(f"begin(); {NO_MEMORY}", f"begin(); {NO_MEMORY}")
    with pytest.raises(OutOfMemory):
        train(PersonReporter(STOP_ANSWER))
    with pytest.raises(OutOfMemory):
        (tmp_path / "dataset").rename(tmp_path / "other")
        train(PersonReporter(), lora_r=8)


def test_a_killed_training_is_started_again_but_not_for_ever(train: Train, axolotl_command: FakeAxolotl) -> None:
    kill = "os.kill(os.getpid(), signal.SIGKILL)"
    axolotl_command.will(f"begin(); steps(1, 3); save(3); {kill}", kill)
    reporter = SilentReporter()
    with pytest.raises(TrainingKilled) as killed:
        train(reporter)
    assert "before its first step (lora" in str(killed.value)
    assert any("started again from checkpoint-3" in message for message in reporter.messages)
    assert [config["resumed"] for config in axolotl_command.configs] == [0, 3]


def test_each_new_checkpoint_allows_another_start(train: Train, axolotl_command: FakeAxolotl) -> None:
    killed = "begin(); steps({0}, {0}); save({0}); os.kill(os.getpid(), signal.SIGKILL)"
    axolotl_command.will(*(killed.format(step) for step in (1, 2, 3)), "finish()")
    assert train(SilentReporter()).steps == 6


def test_a_training_that_hangs_is_started_again_from_its_checkpoint(
    train: Train, axolotl_command: FakeAxolotl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTORIUM_STALL_TIMEOUT", "PT0.6S")
    hang = "time.sleep(60)"
    axolotl_command.will(f"begin(); steps(1, 3); save(3); {hang}", hang)
    with pytest.raises(TrainingStalled, match=r"no progress for 0:00:00\.6"):
        train(SilentReporter())
    assert [config["resumed"] for config in axolotl_command.configs] == [0, 3]


@pytest.mark.parametrize(
    ("grace", "script"), [("PT0.6S", "finish()"), ("PT0.12S", "begin(); steps(1, 6); save(6)")]
)  # fmt: skip
def test_a_finished_training_that_does_not_exit_is_ended_and_the_job_goes_on(
    grace: str, script: str, train: Train, axolotl_command: FakeAxolotl, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTORIUM_EXIT_GRACE", grace)
    axolotl_command.will(f"{script}; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")
    reporter = SilentReporter()
    assert train(reporter).steps == 6
    assert HANGS in reporter.messages


def test_a_full_disk_during_a_save_asks_and_goes_on_from_the_last_whole_checkpoint(
    train: Train, axolotl_command: FakeAxolotl, attempt: Path
) -> None:
    axolotl_command.will(NO_SPACE, "finish()")
    reporter = PersonReporter("go_on")
    assert train(reporter).steps == 6
    assert reporter.questions[0].kind is DecisionKind.DISK_FULL
    assert axolotl_command.configs[1]["resumed"] == 3
    assert {path.name for path in (attempt / "checkpoints").iterdir()} == {"checkpoint-3", "checkpoint-6"}


def test_a_disk_that_is_still_full_is_an_error(
    train: Train, axolotl_command: FakeAxolotl, attempt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    axolotl_command.will(NO_SPACE)
    with pytest.raises(DiskFull, match="no space left to train at step 3"):
        train(PersonReporter("go_on"))
    assert [path.name for path in (attempt / "checkpoints").iterdir()] == ["checkpoint-3"]


def test_what_no_start_can_mend_fails_at_once(train: Train, axolotl_command: FakeAxolotl) -> None:
    axolotl_command.will("fail('RuntimeError: The NVIDIA driver on your system is too old (found version 12020).')")
    with pytest.raises(DriverMismatch):
        train(SilentReporter())


def test_early_stop_is_an_end_and_not_a_failure(train: Train, axolotl_command: FakeAxolotl) -> None:
    axolotl_command.will("begin(); steps(1, 3); save(3); write(3, event='end', reason='early_stop')")
    reporter = SilentReporter()
    result = train(reporter)
    assert (result.steps, [checkpoint.step for checkpoint in result.checkpoints]) == (3, [3])
    assert "[TRAIN] Stopped early at step 3 of 6: the dev loss no longer falls" in reporter.messages


def test_a_finished_training_whose_worker_died_is_not_started_again(
    axolotl_command: FakeAxolotl, attempt: Path, tmp_path: Path
) -> None:
    axolotl_command.will("begin(); steps(1, 3); save(3); write(3, event='end', reason='early_stop')")
    request = make_request(tmp_path)
    train_adapter(request, attempt, SilentReporter())
    following = tmp_path / "train.2.tmp"
    resume_training([attempt], following)
    assert train_adapter(request, following, SilentReporter()).steps == 3
    assert len(axolotl_command.configs) == 1


def test_a_nan_loss_keeps_the_checkpoint_from_before_and_drops_later_ones(
    train: Train, axolotl_command: FakeAxolotl
) -> None:
    axolotl_command.will(
        "begin(); steps(1, 3); save(3); steps(4, 4, float('nan')); save(4); write(4, event='end', reason='diverged')"
    )
    reporter = SilentReporter()
    result = train(reporter)
    assert ([checkpoint.step for checkpoint in result.checkpoints], result.last_loss) == ([3], None)
    assert "Loss became NaN or infinite at step 4" in reporter.messages[-2]
    assert reporter.messages[-2].endswith("checkpoint-3 is from before.")
    assert reporter.remembered["alarm/diverged"] == 1


def test_a_nan_loss_without_a_good_checkpoint_fails_with_what_to_change(
    train: Train, axolotl_command: FakeAxolotl
) -> None:
    axolotl_command.will(
        "begin(); steps(1, 2); save(2, dev_loss=None); steps(3, 3, float('nan'))\n"
        "write(3, event='end', reason='diverged')"
    )
    with pytest.raises(TrainingDiverged, match=r"NaN or infinite at step 3 .*learning rate 0\.0002") as diverged:
        train(SilentReporter())
    assert diverged.value.next_step == "Halve learning_rate in the recipe, then create the job again."


def test_a_loss_that_rises_far_above_its_start_stops_the_training(
    train: Train, axolotl_command: FakeAxolotl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it hangs as well, as soon as it has read that it has to stop."""
    monkeypatch.setenv("SCRIPTORIUM_EXIT_GRACE", "PT0.6S")
    axolotl_command.will(
        "STEPS = 50; begin(); steps(1, 8); save(8); steps(9, 30, 9.0)\n"
        "while not (folder / 'control').exists(): time.sleep(0.05)\n"
        "write(30, event='end', reason=(folder / 'control').read_text())\n"
        "time.sleep(60)"
    )
    reporter = SilentReporter()
    result = train(reporter)
    assert [checkpoint.step for checkpoint in result.checkpoints] == [8]
    rise = "Loss rose from 3.00 to 5.40 at step 10: training diverges; it is stopped"
    assert f"[TRAIN] {rise}" in reporter.messages
    assert HANGS in reporter.messages
