from pathlib import Path
from types import SimpleNamespace

import pytest

from scriptorium.artifacts.checkpoint_samples import read_order
from scriptorium.artifacts.dataset import Row
from scriptorium.contracts import TrainRequest
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import ResolvedTraining, Training
from services.trainer.run import sample_order


@pytest.fixture(autouse=True)
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tokenizer whose ids are the lengths of the words."""
    tokenizer = SimpleNamespace(
        render=lambda messages, add_generation_prompt: " ".join(
            [*(turn["content"] for turn in messages), "assistant:"]
        ),
        encode=lambda text: [len(word) for word in text.split()],
    )
    monkeypatch.setattr(sample_order, "chat_tokenizer", lambda folder: tokenizer)


def make_row(number: int, words: int = 3) -> Row:
    brief = " ".join([f"brief-{number}"] * words)
    messages = [{"role": "user", "content": brief}, {"role": "assistant", "content": f"passage-{number}"}]
    return Row.model_validate({"messages": messages, "chapter": "1"})


def order(folder: Path, rows: list[Row], **training: object) -> SilentReporter:
    reporter = SilentReporter()
    request = TrainRequest(dataset=folder, base=folder, training=Training.model_validate(training), seed=7)
    resolved = ResolvedTraining.model_validate(training)
    sample_order.order_samples(request, resolved, folder, rows, reporter)
    return reporter


def test_a_few_dev_briefs_evenly_spread_without_their_passages_in_the_prompt(tmp_path: Path) -> None:
    order(tmp_path, [make_row(number) for number in range(6)], samples=3, sample_tokens=50)
    written = read_order(tmp_path)
    assert written
    assert [entry.passage for entry in written.briefs] == ["passage-0", "passage-2", "passage-4"]
    assert written.briefs[0].brief == "brief-0 brief-0 brief-0"
    assert written.briefs[0].ids == [7, 7, 7, 10]
    assert (written.max_tokens, written.seed) == (50, 7)


def test_a_brief_without_room_for_a_passage_is_left_out(tmp_path: Path) -> None:
    order(tmp_path, [make_row(0, words=200), make_row(1)], sequence_len=256, sample_tokens=120)
    written = read_order(tmp_path)
    assert written
    assert [entry.passage for entry in written.briefs] == ["passage-1"]


@pytest.mark.parametrize("rows", [0, 2])
def test_nothing_is_ordered_without_dev_rows_or_if_the_recipe_wants_none(rows: int, tmp_path: Path) -> None:
    order(tmp_path, [make_row(number) for number in range(rows)], samples=0 if rows else 3)
    assert list(tmp_path.iterdir()) == []


def test_a_model_divided_among_gpus_writes_none_and_that_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTORIUM_DEVICE", "cuda")
    reporter = order(tmp_path, [make_row(0)], fsdp=True)
    assert reporter.messages == ["[TRAIN] No sample passages: the model is divided among several GPUs."]
    assert read_order(tmp_path) is None
    monkeypatch.setenv("SCRIPTORIUM_DEVICE", "cpu")
    sample_order.get_settings.cache_clear()
    order(tmp_path, [make_row(0)], fsdp=True)
    assert read_order(tmp_path)
