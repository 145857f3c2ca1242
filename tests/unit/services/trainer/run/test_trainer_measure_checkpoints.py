"""The measuring child's order, the report of its losses, and its failure; the real one runs in tests/e2e."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scriptorium.artifacts.checkpoint_losses import (
    BaseLosses,
    CheckpointLosses,
    SummedLoss,
    checkpoint_losses_path,
    read_checkpoint_losses,
)
from scriptorium.artifacts.dataset import Row
from scriptorium.contracts import TrainRequest
from scriptorium.errors import Cancelled
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.process.child import Child
from scriptorium.recipe import Training
from services.trainer.run import measure_checkpoints


def write(folder: Path, step: int, loss: float) -> CheckpointLosses:
    losses_on_base = BaseLosses(
        passages=[SummedLoss(loss=loss * 8, tokens=8), SummedLoss(loss=loss * 2, tokens=2)], references=[]
    )
    path = checkpoint_losses_path(folder, step)
    path.parent.mkdir(exist_ok=True)
    measured = CheckpointLosses(step=step, bases={"stored": losses_on_base, "nf4": losses_on_base})
    path.write_text(measured.model_dump_json())
    return measured


def test_what_was_measured_is_read_again_or_is_none(tmp_path: Path) -> None:
    assert read_checkpoint_losses(checkpoint_losses_path(tmp_path, 5)) is None
    measured = write(tmp_path, 5, 3.5)
    assert read_checkpoint_losses(checkpoint_losses_path(tmp_path, 5)) == measured
    assert measured.bases["nf4"].loss == pytest.approx(3.5)
    checkpoint_losses_path(tmp_path, 5).write_text('{"step": 5')
    assert read_checkpoint_losses(checkpoint_losses_path(tmp_path, 5)) is None


def test_the_order_names_paths_and_passages_and_leaves_out_what_has_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans = {"1": ([1, 2, 3], 2), "2": ([1, 2, 3], 3), "3": ([7, 8], 0)}
    tokenizer = SimpleNamespace(encode_last_turn=lambda messages: spans[messages[0]["content"]])
    monkeypatch.setattr(measure_checkpoints, "chat_tokenizer", lambda folder: tokenizer)
    dev = [Row(messages=[{"role": "user", "content": name}], chapter="1") for name in spans]
    request = TrainRequest(dataset=tmp_path, base=tmp_path / "base", training=Training())
    passages = measure_checkpoints.locate_passages(request, dev)
    order = measure_checkpoints.make_order(request, tmp_path, passages, passages[:1], [3, 6])
    assert order["passages"] == [{"ids": [1, 2, 3], "start": 2}, {"ids": [7, 8], "start": 1}]
    assert order["others"] == [{"ids": [1, 2, 3], "start": 2}]
    assert order["adapters"] == {
        str(tmp_path / "measured" / f"checkpoint-{step}.json"): str(tmp_path / "checkpoints" / f"checkpoint-{step}")
        for step in (3, 6)
    }
    json.dumps(order)


def test_if_no_answer_fits_nothing_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        measure_checkpoints,
        "chat_tokenizer",
        lambda folder: SimpleNamespace(encode_last_turn=lambda _: ([1] * 200, 150)),
    )
    request = TrainRequest(dataset=tmp_path, base=tmp_path, training=Training(sequence_len=128))
    reporter = SilentReporter()
    measure_checkpoints.measure_checkpoints(request, tmp_path, [Row(messages=[], chapter="1")], [3], reporter)
    assert not reporter.messages
    assert not (tmp_path / "measured").exists()


def test_losses_are_reported_and_a_failure_is_only_reported(tmp_path: Path) -> None:
    write(tmp_path, 3, 3.25)
    reporter = SilentReporter()
    child = Child([sys.executable, "-c", "raise MemoryError('too large')"], tmp_path / measure_checkpoints.LOG, {})
    measure_checkpoints.watch(child, tmp_path, [3, 6], reporter)
    assert reporter.messages == [
        "[TRAIN] checkpoint-3 on the stored base: loss 3.2500 on held-out passages",
        "[TRAIN] checkpoint-3 on the nf4 base: loss 3.2500 on held-out passages",
        "[TRAIN] Not every checkpoint could be measured: MemoryError: too large",
    ]


def test_the_selectivity_is_reported_as_a_point_of_a_curve(tmp_path: Path) -> None:
    measured = write(tmp_path, 3, 3.0)
    before, after = [SummedLoss(loss=40, tokens=10)], [SummedLoss(loss=35, tokens=10)]
    losses_on_base = measured.bases["stored"].model_copy(
        update={"without": before, "others": after, "others_without": before}
    )
    checkpoint_losses_path(tmp_path, 3).write_text(
        CheckpointLosses(step=3, bases={"stored": losses_on_base}).model_dump_json()
    )
    reporter = SilentReporter()
    measure_checkpoints.report_new(tmp_path, [3], set(), reporter)
    assert reporter.messages == [
        "[TRAIN] checkpoint-3 on the stored base: loss 3.0000 on held-out passages, selectivity +0.5000"
    ]
    assert reporter.remembered == {"checkpoint_selectivity/3": pytest.approx(0.5)}


def test_a_cancelled_job_ends_the_child(tmp_path: Path) -> None:
    class CancelledMeasurement(SilentReporter):
        def check(self) -> None:
            raise Cancelled("enough")

    child = Child([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / measure_checkpoints.LOG, {})
    with pytest.raises(Cancelled):
        measure_checkpoints.watch(child, tmp_path, [3], CancelledMeasurement())
    assert child.returncode is not None


def test_without_held_out_rows_nothing_is_measured(tmp_path: Path) -> None:
    request = TrainRequest(dataset=tmp_path, base=tmp_path / "base", training=Training())
    measure_checkpoints.measure_checkpoints(request, tmp_path, [], [3], SilentReporter())
    assert list(tmp_path.iterdir()) == []
