"""The best checkpoint, a requested one, and those that do not count."""

from pathlib import Path

import numpy as np
import pytest

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoint_losses import BaseLosses, CheckpointLosses, SummedLoss, checkpoint_losses_path
from scriptorium.contracts import Decision
from scriptorium.errors import MergeFailed
from scriptorium.jobs.reporter import SilentReporter
from services.merger.planning.select_checkpoint import select_checkpoint


def write(training: Path, step: int, loss: float | None) -> Path:
    folder = training / "checkpoints" / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    (folder / "adapter_model.safetensors").write_bytes(b"1234")
    manifest.write(folder, {"step": step, "created_at": 0, "train_loss": 1.0, "dev_loss": loss})
    return folder


@pytest.mark.parametrize(
    ("losses", "chosen"),
    [
        ({5: 3.2, 10: 3.1, 15: 3.4}, 10),
        ({5: 3.1, 10: 3.1}, 5),
        ({100: 3.1, 20: 3.1}, 20),
        ({5: None, 10: 3.9, 15: None}, 10),
        ({5: None, 100: None, 20: None}, 100),
        ({5: float("nan"), 10: 3.5}, 10),
        ({5: 3.5, 10: float("-inf")}, 5),
        ({5: 0.0, 10: 0.1}, 5),
    ],
)
def test_lowest_dev_loss_then_earliest_then_last(tmp_path: Path, losses: dict[int, float | None], chosen: int) -> None:
    for step, loss in losses.items():
        write(tmp_path, step, loss)
    assert select_checkpoint(tmp_path, None, SilentReporter()).step == chosen


def test_a_requested_step_is_taken(tmp_path: Path) -> None:
    write(tmp_path, 5, 3.0)
    write(tmp_path, 10, 4.0)
    chosen = select_checkpoint(tmp_path, 10, SilentReporter())
    assert (chosen.step, chosen.dev_loss) == (10, 4.0)


def test_an_absent_step_names_those_that_are_there(tmp_path: Path) -> None:
    write(tmp_path, 10, 3.0)
    write(tmp_path, 5, 3.0)
    with pytest.raises(MergeFailed, match="no checkpoint 7") as caught:
        select_checkpoint(tmp_path, 7, SilentReporter())
    assert caught.value.next_step == "Choose one of: 5, 10."
    assert caught.value.param == "checkpoint"


def test_half_written_checkpoints_are_not_seen(tmp_path: Path) -> None:
    write(tmp_path, 5, 3.0)
    (write(tmp_path, 10, 2.0) / "manifest.json").unlink()
    (write(tmp_path, 15, 1.0) / "adapter_model.safetensors").write_bytes(b"12")
    (write(tmp_path, 20, 0.5) / "manifest.json").write_text('{"step": 20, "files"')
    assert select_checkpoint(tmp_path, None, SilentReporter()).step == 5
    with pytest.raises(MergeFailed, match="no checkpoint 20"):
        select_checkpoint(tmp_path, 20, SilentReporter())


def test_no_complete_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(MergeFailed, match="no complete checkpoint"):
        select_checkpoint(tmp_path, None, SilentReporter())


class LastOptionReporter(SilentReporter):
    """Answers with the last option."""

    decision: Decision | None = None

    def ask(self, decision: Decision) -> str:
        self.decision = decision
        return decision.options[-1].name


def read(losses: list[float]) -> list[SummedLoss]:
    return [SummedLoss(loss=100 * loss, tokens=100) for loss in losses]


def measure(training: Path, step: int, losses: list[float], others: list[float] | None = None) -> None:
    path = checkpoint_losses_path(training, step)
    path.parent.mkdir(exist_ok=True)
    before = {"without": read([4.0]), "others": read(others), "others_without": read([4.0])} if others else {}
    losses_on_base = BaseLosses(passages=read(losses), references=[], **before)
    path.write_text(CheckpointLosses(step=step, bases={"stored": losses_on_base}).model_dump_json())


def test_checkpoints_that_passages_cannot_tell_apart_are_a_decision(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 20)
    for step, loss, losses in ((5, 3.50, 3.5 + noise), (10, 3.48, 3.48 - noise), (15, 3.60, 3.60 - noise)):
        write(tmp_path, step, loss)
        measure(tmp_path, step, list(losses))
    reporter = LastOptionReporter()
    assert select_checkpoint(tmp_path, None, reporter).step == 5
    assert reporter.decision
    assert [option.name for option in reporter.decision.options] == ["checkpoint-10", "checkpoint-5"]
    assert reporter.decision.recommended == "checkpoint-10"
    assert reporter.decision.options[0].meaning == "merge step 10 (dev loss 3.4800)"


def test_a_lead_on_every_passage_is_no_chance_however_small(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 20)
    for step, loss in ((5, 3.503), (10, 3.5)):
        write(tmp_path, step, loss)
        measure(tmp_path, step, list(loss + noise))
    reporter = LastOptionReporter()
    assert select_checkpoint(tmp_path, None, reporter).step == 10
    assert reporter.decision is None


@pytest.mark.parametrize(("second", "is_decision"), [(3.509, True), (3.52, False), (None, False)])
def test_without_measured_passages_a_tolerance_decides(tmp_path: Path, second: float | None, is_decision: bool) -> None:
    write(tmp_path, 5, 3.5)
    write(tmp_path, 10, second)
    reporter = LastOptionReporter()
    assert select_checkpoint(tmp_path, None, reporter).step == (10 if is_decision else 5)
    assert (reporter.decision is not None) == is_decision


def test_a_requested_step_is_never_a_decision(tmp_path: Path) -> None:
    write(tmp_path, 5, 3.5)
    write(tmp_path, 10, 3.5)
    reporter = LastOptionReporter()
    assert select_checkpoint(tmp_path, 5, reporter).step == 5
    assert reporter.decision is None


def test_the_voice_may_choose_another_checkpoint_than_the_loss(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.01, 20)
    for step, author, others in ((5, 3.5, 3.9), (10, 3.4, 3.6)):
        write(tmp_path, step, author)
        measure(tmp_path, step, list(author + noise), list(others + noise))
    assert select_checkpoint(tmp_path, None, SilentReporter()).step == 10
    reporter = SilentReporter()
    assert select_checkpoint(tmp_path, None, SilentReporter(), "balance").step == 5  # if calibrating could not choose
    chosen = select_checkpoint(tmp_path, None, reporter, "voice")
    assert (chosen.step, chosen.selectivity) == (5, pytest.approx(0.4))
    assert reporter.messages == []


def test_without_other_authors_the_voice_cannot_choose(tmp_path: Path) -> None:
    for step, loss in ((5, 3.5), (10, 3.4)):
        write(tmp_path, step, loss)
        measure(tmp_path, step, [loss] * 4)
    reporter = SilentReporter()
    assert select_checkpoint(tmp_path, None, reporter, "voice").step == 10
    assert reporter.messages == [
        "[MERGE] The checkpoint is chosen by its dev loss and not by its voice: no other authors' passages were read"
    ]


def test_a_decision_offers_every_checkpoint_with_its_numbers(tmp_path: Path) -> None:
    for step, author, others in ((5, 3.5, 3.9), (10, 3.0, 3.2)):
        write(tmp_path, step, author)
        measure(tmp_path, step, [author] * 4, [others] * 4)
    reporter = LastOptionReporter()
    assert select_checkpoint(tmp_path, None, reporter, "decision").step == 5
    assert reporter.decision
    assert [option.meaning for option in reporter.decision.options] == [
        "merge step 10 (dev loss 3.0000, selectivity +0.2000)",
        "merge step 5 (dev loss 3.5000, selectivity +0.4000)",
    ]
