"""Drafts: what is asked, chosen and kept. A stand-in retells; the real program runs in Axolotl's environment."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from scriptorium.artifacts.dataset import Row
from scriptorium.contracts import DraftResult, TrainRequest
from scriptorium.errors import ScriptoriumError
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import Training
from scriptorium.rewriting.wording import RETELL_INSTRUCTION, ask_to_rewrite
from services.trainer.drafts import write_drafts as module
from services.trainer.drafts.write_drafts import write_drafts
from services.trainer.replay import ask
from services.trainer.run.axolotl import training_rows_path
from services.trainer.run.resume import resume_training
from tests.unit.services.trainer.replay.test_trainer_replay import WordTokenizer

PROGRAM = """#!{python}
import json, sys
from pathlib import Path
from scriptorium.artifacts.base_answers import Asked, BaseAnswer, append_answer

order = json.loads(Path(sys.argv[3]).read_text())
calls = Path(__file__).with_name("calls")
with calls.open("a") as lines:
    lines.write(json.dumps([[item["request"], item["temperature"]] for items in order["rounds"] for item in items]))
    lines.write("\\n")
def retell(passage):
    return " ".join(word if number % 3 else f"so {{word}}" for number, word in enumerate(passage.split()))
for item in [item for items in order["rounds"] for item in items]:
    instruction, _, passage = item["request"].partition("\\n\\n")
    number, first = int(passage.split()[-1][4:-1]), item["temperature"] < 0.5
    text, ended = retell(passage), True
    if number % 4 == 1 and first:
        text = passage  # a copy, the first time
    if number % 4 == 2:
        ended = False
    if number % 4 == 3:
        text = retell(" ".join(reversed(passage.split())))
    append_answer(Path(order["output"]), Asked.of(item), BaseAnswer(text, ended))
{failure}
"""
STORY = "Later Kala crouched, then Sabor sprang over rivers while hungry monkeys chattered above her head"
GOOD, BETTER_LATER, UNFINISHED, DISORDERED = range(4)


@pytest.fixture(autouse=True)
def tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in (ask, module):
        monkeypatch.setattr(place, "chat_tokenizer", lambda folder: WordTokenizer())


@pytest.fixture
def child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return a stand-in for Axolotl's Python: `calls` lists what each start was asked, `fails` makes it fail."""
    program = tmp_path / "environment" / "bin" / "python"
    program.parent.mkdir(parents=True)
    monkeypatch.setenv("SCRIPTORIUM_AXOLOTL_ENV", str(tmp_path / "environment"))

    def write(failure: str = "") -> None:
        program.write_text(PROGRAM.format(python=sys.executable, failure=failure))
        program.chmod(0o755)

    def calls() -> list[list[tuple[str, float]]]:
        path = program.with_name("calls")
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    write()
    return SimpleNamespace(fails=lambda: write("sys.exit('no weights')"), calls=calls)


def row(number: int, kind: str = "rewrite") -> Row:
    text = f"{STORY} tale{number}."
    prompt = ask_to_rewrite("Kala: rivers", number) if kind == "rewrite" else "Write."
    messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": text}]
    return Row.model_validate({"messages": messages, "chapter": "1", "kind": kind})


FILLER = Row.model_validate(
    {
        "messages": [
            {"role": "user", "content": "Write."},
            {"role": "assistant", "content": "It was so calm, and Kala slept near Sabor. Later came then."},
        ],
        "chapter": "2",
    }
)
BOOK = [row(0), *[FILLER] * 60, row(1), row(2), row(3), row(4)]  # so that the story's words are rare in it


def request(folder: Path, drafts: str = "base", **training: object) -> TrainRequest:
    options = Training.model_validate({"keep": 0, **training})
    return TrainRequest.model_validate(
        {"dataset": folder, "base": folder / "base", "training": options, "drafts": drafts}
    )


def attempt(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    return folder / name


def prompts(rows: list[Row]) -> list[str]:
    return [row.brief for row in rows if row.kind == "rewrite"]


def test_with_outlines_or_without_rows_to_rewrite_nobody_is_asked(tmp_path: Path) -> None:
    assert write_drafts(request(tmp_path, "outline"), tmp_path, BOOK, SilentReporter()) == (BOOK, None)
    others = [row(0, "brief"), FILLER]
    assert write_drafts(request(tmp_path), tmp_path, others, SilentReporter()) == (others, None)


def test_good_drafts_replace_outlines_and_a_refused_one_is_tried_once_more(
    tmp_path: Path, child: SimpleNamespace
) -> None:
    reporter = SilentReporter()
    rows, result = write_drafts(request(tmp_path), attempt(tmp_path, "1"), BOOK, reporter)
    assert result
    assert (result.rows, result.by_base, result.refused) == (5, 3, {"unfinished": 1, "order": 1})
    assert [row.passage for row in rows] == [row.passage for row in BOOK]
    drafted, outlined = [prompts(rows)[n] for n in (0, 1, 4)], [prompts(rows)[n] for n in (2, 3)]
    for prompt, number in zip(drafted, (0, 1, 4), strict=True):
        instruction, draft = prompt.split("\n\n")
        assert instruction == prompts(BOOK)[number].split("\n\n")[0]
        assert draft.startswith("so Later Kala crouched, so then Sabor")
    assert outlined == [prompts(BOOK)[n] for n in (2, 3)]
    first, second = child.calls()
    assert [text for text, _ in first] == [f"{RETELL_INSTRUCTION}\n\n{row(n).passage}" for n in range(5)]
    assert [text for text, _ in second] == [f"{RETELL_INSTRUCTION}\n\n{row(n).passage}" for n in (1, 2, 3)]
    assert {temperature for _, temperature in first} < {temperature for _, temperature in [*first, *second]}
    assert reporter.messages[-1] == (
        "[TRAIN] Drafts: the base retold 3 of 5 passages; 2 keep their outline: unfinished 1, order 1"
    )


def test_a_draft_that_makes_its_row_too_long_is_refused(tmp_path: Path, child: SimpleNamespace) -> None:
    longest = max(len(f"{ask_to_rewrite('Kala: rivers', n)} {row(n).passage}".split()) for n in range(5))
    order = request(tmp_path).model_copy(update={"training": Training.model_construct(sequence_len=longest)})
    rows, result = write_drafts(order, attempt(tmp_path, "1"), BOOK, SilentReporter())
    assert result
    assert result.by_base == 0
    assert result.refused["over sequence_len"] == 3
    assert rows == BOOK


def test_a_resumed_attempt_has_the_same_rows_and_asks_nobody(tmp_path: Path, child: SimpleNamespace) -> None:
    first = attempt(tmp_path, "1")
    rows, result = write_drafts(request(tmp_path), first, BOOK, SilentReporter())
    second = attempt(tmp_path, "2")
    resume_training([first], second)  # no checkpoint yet
    assert write_drafts(request(tmp_path), second, BOOK, SilentReporter()) == (rows, result)
    assert len(child.calls()) == 2


def test_an_attempt_that_was_killed_keeps_what_was_answered(tmp_path: Path, child: SimpleNamespace) -> None:
    first = attempt(tmp_path, "1")
    child.fails()
    with pytest.raises(ScriptoriumError, match="could not answer the request to retell passages") as failure:
        write_drafts(request(tmp_path), first, BOOK, SilentReporter())
    assert "data.drafts: outline" in (failure.value.next_step or "")
    assert (first / "drafts.log").exists()
    second = attempt(tmp_path, "2")
    resume_training([first], second)
    with pytest.raises(ScriptoriumError):
        write_drafts(request(tmp_path), second, BOOK, SilentReporter())
    first_try, second_try = child.calls()
    assert len(first_try) == 5
    assert len(second_try) == 3  # the refused ones; the first try was answered before


def test_rows_with_drafts_are_written_for_axolotl(tmp_path: Path) -> None:
    assert training_rows_path(request(tmp_path / "data"), tmp_path) == tmp_path / "train.jsonl"
    assert training_rows_path(request(tmp_path / "data", "outline"), tmp_path) == tmp_path / "data" / "train.jsonl"


def test_the_result_is_part_of_the_manifest() -> None:
    result = DraftResult(rows=2, by_base=1, refused={"names": 1})
    assert DraftResult.model_validate_json(result.model_dump_json()) == result
