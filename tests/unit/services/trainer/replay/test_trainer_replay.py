"""Replay: what is asked, chosen and mixed. A stand-in answers; the real program runs in Axolotl's environment."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scriptorium.artifacts import writing_progress
from scriptorium.artifacts.dataset import Row
from scriptorium.contracts import ReplayResult, TrainRequest
from scriptorium.errors import Cancelled, ModelTooLarge
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import Training
from scriptorium.text.languages.language import ENGLISH
from services.trainer.replay import ask, choose, mix, requests
from services.trainer.replay.mix import replay_rows
from services.trainer.run.resume import resume_training
from tests.unit.services.trainer.run.test_trainer_resume import save

PROGRAM = """#!{python}
import json, random, sys, time
from pathlib import Path
from scriptorium.artifacts.base_answers import Asked, BaseAnswer, append_answer

order = json.loads(Path(sys.argv[3]).read_text())
asked = Path(__file__).with_name("asked")
asked.write_text(asked.read_text() + "x" if asked.exists() else "x")
{script}
"""
ANSWER = """
nouns = ["river", "morning", "letter", "window", "garden", "teacher", "engine", "winter", "story", "harbour", "market"]
verbs = ["carried", "found", "left", "opened", "painted", "followed", "counted", "promised", "missed", "understood"]
def sentence(number):
    draw = random.Random(number)
    subject, year, verb, thing, other = *map(draw.choice, (nouns, range(9999), verbs, nouns)), draw.randint(2, 9999)
    return f"The {subject} of {year} {verb} the {thing} and a {draw.choice(nouns)} in {other}."
for items in order["rounds"]:
    if Path(order["enough"]).exists():
        break
    for number, item in enumerate(items):
        count = int(item["max_tokens"] / 1.4 / 1.6 / 12) + 1
        text = " ".join(sentence(f"{item['request']} {n}") for n in range(count))
        append_answer(Path(order["output"]), Asked.of(item), BaseAnswer(text, number % 7 != 3))
    time.sleep(0.7)
"""


WRITES = """
from scriptorium.artifacts.writing_progress import ProgressFile

ProgressFile(Path(order["progress"])).write("answers", 48, 400, 120)
time.sleep(1.2)
"""


class WordTokenizer:
    """Counts words as tokens."""

    end_of_turn = "<end>"

    def render(self, messages: list[dict[str, str]], *, add_generation_prompt: bool = False) -> str:
        return " ".join(message["content"] for message in messages)

    def count(self, texts: list[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def encode(self, text: str) -> list[int]:
        return [len(word) for word in text.split()]


@pytest.fixture(autouse=True)
def tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (ask, choose, mix):
        monkeypatch.setattr(module, "chat_tokenizer", lambda folder: WordTokenizer())


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return a stand-in for Axolotl's Python: `does` sets its script, `calls` counts its starts."""
    program = tmp_path / "environment" / "bin" / "python"
    program.parent.mkdir(parents=True)
    monkeypatch.setenv("SCRIPTORIUM_AXOLOTL_ENV", str(tmp_path / "environment"))

    def does(script: str) -> None:
        program.write_text(PROGRAM.format(python=sys.executable, script=script))
        program.chmod(0o755)

    def calls() -> int:
        asked = program.with_name("asked")
        return len(asked.read_text()) if asked.exists() else 0

    does(ANSWER)
    return SimpleNamespace(does=does, calls=calls)


def passages(count: int = 40, words: int = 120) -> list[Row]:
    text = " ".join(
        ["the", "ship", "and", "the", "sea", "were", "not", "of", "a", "kind", "to", "be", "left"][n % 13]
        for n in range(words)
    )
    return [
        Row(messages=[{"role": "user", "content": "Write."}, {"role": "assistant", "content": text}], chapter="1")
    ] * count


def request(folder: Path, **training: object) -> TrainRequest:
    options = Training.model_validate({"keep": 0.1, **training})
    return TrainRequest(dataset=folder, base=folder / "base", training=options, replay_cache=folder / "cache")


def attempt(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def replay(
    order: TrainRequest, folder: Path, rows: list[Row], reporter: SilentReporter | None = None
) -> tuple[list[Row], ReplayResult | None]:
    return replay_rows(order, folder, rows, reporter or SilentReporter(), hashes={"model.safetensors": "a"})


@pytest.mark.parametrize("training", [{"keep": 0}, {"method": "dpo"}])
def test_without_a_share_or_with_preferences_nothing_is_replayed(tmp_path: Path, training: dict[str, object]) -> None:
    assert replay(request(tmp_path, **training), tmp_path, passages()) == (passages(), None)


def test_good_answers_are_the_share_of_the_trained_tokens_and_the_base_is_asked_once(
    tmp_path: Path, child: SimpleNamespace
) -> None:
    reporter, order = SilentReporter(), request(tmp_path)
    mixed, result = replay(order, attempt(tmp_path, "1"), passages(), reporter)
    assert result
    assert mixed[:40] == passages()
    assert len(mixed) == 40 + result.rows
    tokens = [len(row.passage.split()) + 1 for row in mixed]
    assert sum(tokens[40:]) == result.tokens
    assert result.share == pytest.approx(0.1, abs=0.02)  # up to one answer more
    assert sum(tokens[40:-1]) < 0.1 / 0.9 * sum(tokens[:40]) <= result.tokens
    assert result.refused["unfinished"]
    assert sum(result.kinds.values()) == result.rows
    assert len(result.kinds) > 3
    assert reporter.messages[-1].startswith(f"[TRAIN] Replay: {result.rows} rows (the base's own answers")
    again, _ = replay(order, attempt(tmp_path, "2"), passages())
    assert again == mixed
    assert child.calls() == 1


def test_more_is_asked_only_if_the_cache_has_too_little(tmp_path: Path, child: SimpleNamespace) -> None:
    replay(request(tmp_path), attempt(tmp_path, "1"), passages())
    answers = next((tmp_path / "cache").glob("*/answers.jsonl"))
    before = answers.read_text()
    _, result = replay(request(tmp_path, keep=0.5), attempt(tmp_path, "2"), passages())
    assert child.calls() == 2
    assert answers.read_text().startswith(before)
    assert result
    assert result.share == pytest.approx(0.5, abs=0.03)
    lines = map(json.loads, answers.read_text().splitlines())
    asked = [(line["request"], line["max_tokens"], line["sample"]) for line in lines]
    assert len(asked) == len(set(asked))


def test_a_resumed_attempt_has_the_same_rows_without_the_cache(tmp_path: Path, child: SimpleNamespace) -> None:
    first, second = attempt(tmp_path, "1"), attempt(tmp_path, "2")
    mixed, result = replay(request(tmp_path), first, passages())
    save(first, 3)
    next((tmp_path / "cache").glob("*/answers.jsonl")).unlink()
    resume_training([first], second)
    assert replay(request(tmp_path), second, passages()) == (mixed, result)
    assert child.calls() == 1


def test_if_the_bank_is_exhausted_the_share_reached_is_a_warning(
    tmp_path: Path, child: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_REQUESTS", 8)
    reporter = SilentReporter()
    _, result = replay(request(tmp_path, keep=0.5), attempt(tmp_path, "1"), passages(), reporter)
    assert result
    assert 0 < result.share < 0.3
    assert "not 50.0%" in reporter.messages[-1]


def test_requests_come_again_for_other_samples_only_when_all_were_asked(
    tmp_path: Path, child: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_REQUESTS", 8)
    monkeypatch.setattr(choose, "MIN_ROUND", 8)
    assert [item.sample for item in requests.write_book_requests(passages(), ENGLISH)] == [0] * 8 + [1] * 8 + [2] * 8
    _, few = replay(request(tmp_path, keep=0.02), attempt(tmp_path, "1"), passages())
    answers = next((tmp_path / "cache").glob("*/answers.jsonl"))
    assert {json.loads(line)["sample"] for line in answers.read_text().splitlines()} == {0}
    _, many = replay(request(tmp_path, keep=0.5), attempt(tmp_path, "2"), passages())
    assert few
    assert many
    assert many.rows > 8  # requests
    assert {json.loads(line)["sample"] for line in answers.read_text().splitlines()} == {0, 1, 2}


def test_a_batch_that_takes_long_says_how_far_it_is(
    tmp_path: Path, child: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing_progress, "REPORT_INTERVAL", 0.0)
    child.does(WRITES + ANSWER)
    reporter, folder = SilentReporter(), attempt(tmp_path, "1")
    (folder / "replay").mkdir()
    (folder / "replay" / "progress.json").write_text(
        '{"what": "of a killed child", "texts": 1, "tokens": 1, "limit": 1}'
    )
    replay(request(tmp_path), folder, passages(), reporter)
    assert reporter.messages[1] == (
        "[TRAIN] Replay: the base has answered 0 requests and writes 48 answers, 120 of at most 400 tokens each"
    )
    assert sorted(path.name for path in (folder / "replay").iterdir()) == ["result.json", "rows.jsonl"]


def test_answers_that_do_not_fit_into_the_sequence_are_left_out(tmp_path: Path, child: SimpleNamespace) -> None:
    mixed, result = replay(request(tmp_path, sequence_len=128), attempt(tmp_path, "1"), passages(words=300))
    assert result
    assert result.refused["over sequence_len"]
    assert all(len(" ".join(message["content"] for message in row.messages).split()) <= 128 for row in mixed[40:])


def test_a_child_that_fails_fails_the_training_with_its_words(tmp_path: Path, child: SimpleNamespace) -> None:
    child.does("print('torch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB'); sys.exit(1)")
    with pytest.raises(ModelTooLarge, match="Tried 2 GiB") as caught:
        replay(request(tmp_path), attempt(tmp_path, "1"), passages())
    assert "training.keep: 0" in str(caught.value.next_step)


def test_a_cancelled_job_ends_the_child_and_keeps_its_answers(tmp_path: Path, child: SimpleNamespace) -> None:
    class CancelledJob(SilentReporter):
        def check(self) -> None:
            if any((tmp_path / "cache").glob("*/answers.jsonl")):
                raise Cancelled("enough")

    child.does(ANSWER.replace("time.sleep(0.7)", "time.sleep(60)"))
    with pytest.raises(Cancelled):
        replay(request(tmp_path), attempt(tmp_path, "1"), passages(), CancelledJob())
    child.does(ANSWER)
    _, result = replay(request(tmp_path), attempt(tmp_path, "2"), passages())
    assert result
    assert result.share == pytest.approx(0.1, abs=0.02)


def test_of_the_users_own_rows_an_even_spread_is_replayed(tmp_path: Path, child: SimpleNamespace) -> None:
    folder = attempt(tmp_path, "rows")
    chats = [
        {"messages": [{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": f"{n} " + "yes " * 19}]}
        for n in range(100)
    ]
    (folder / "mine.jsonl").write_text("".join(json.dumps(chat) + "\n" for chat in chats))
    order = request(tmp_path).model_copy(update={"replay_rows": folder})
    mixed, result = replay(order, attempt(tmp_path, "1"), passages())
    assert result
    assert result.rows == 26  # 4,840 trained words of the author need 538 more, at 21 a row
    numbers = [int(row.brief.rstrip("?")) for row in mixed[40:]]
    assert numbers == [place * 100 // 26 for place in range(26)]
    assert child.calls() == 0
