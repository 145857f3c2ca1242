"""Rewriting in an evaluation: the same drafts for both models, resumed line by line, and what is kept measured."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from scriptorium.artifacts.dataset import write_rows
from scriptorium.contracts.report.rewriting import REWRITES, RewriteSample
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.rewriting.book_words import BookWords, read_book
from scriptorium.rewriting.wording import (
    RETELL_INSTRUCTION,
    REWRITE_INSTRUCTION,
    TEMPERATURES,
    ask_to_retell,
    ask_to_rewrite,
)
from scriptorium.text.languages.language import ENGLISH
from services.evaluator.evaluate import evaluate_voice
from services.evaluator.rewriting import content_kept, sentence_model
from services.evaluator.rewriting.content_kept import Meaning, compare_content, measure_rewriting
from services.evaluator.rewriting.describe import describe_rewriting
from services.evaluator.rewriting.samples import read_rewrites, resume_rewrites
from tests.unit.services.evaluator.conftest import FakeEngines, make_row

STORY = "Later Kala crouched, then Sabor sprang over rivers while hungry monkeys chattered above her head"
FILLER = "It was so calm, and Kala slept near Sabor. Later came then."


class RetellingEngines(FakeEngines):
    """The base retells plainly, apart from every second passage, which it copies; both rewrite in their own words."""

    def __init__(self):
        super().__init__()
        self.context = 4000

    async def answer(self, role, path, body):
        answer = await super().answer(role, path, body)
        if path != "/v1/chat/completions":
            return answer
        instruction, _, text = body["messages"][-1]["content"].partition("\n\n")
        content = self.text
        if instruction == REWRITE_INSTRUCTION:
            content = f"{role}: {text.replace('monkeys', 'apes')}" if role == "tuned" else f"{role}: Kala slept."
        elif instruction == RETELL_INSTRUCTION:
            copied = int(text.split()[-1][4:-1]) % 2
            content = text if copied else re.sub(r"(\w+ \w+ \w+)", r"\1 so", text)
        return {"choices": [{"message": {"content": content}, "finish_reason": "stop"}], "usage": {}}


@pytest.fixture
def order(request_):
    write_rows(request_.dataset / "train.jsonl", [make_row(FILLER) for _ in range(60)])
    write_rows(request_.dataset / "test.jsonl", [make_row(f"{STORY} tale{n}.") for n in range(6)])
    return request_.model_copy(update={"prompts": 6, "rewrites": 4})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "evaluate.1.tmp").mkdir()
    return tmp_path / "evaluate.1.tmp"


def run(order, folder, engines, reporter=None):
    evaluate_voice(order, folder, reporter or SilentReporter(), transport=engines.transport, retry_delays=(0.0,))
    return json.loads((folder / "report.json").read_text())


def list_calls(engines: FakeEngines, beginning: str) -> list[tuple[str, dict]]:
    return [
        (name, body)
        for name, body in engines.calls
        if name.endswith("completions") and str(body.get("messages", [{}])[-1].get("content", "")).startswith(beginning)
    ]


def test_both_models_rewrite_the_same_drafts(order, folder):
    engines, reporter = RetellingEngines(), SilentReporter()
    report = run(order, folder, engines, reporter)
    samples = read_rewrites(folder / REWRITES)
    drafts, base, tuned = ([one for one in samples if one.role == role] for role in ("draft", "base", "tuned"))
    assert [draft.index for draft in drafts] == [0, 1, 3, 4]  # evenly spread over six briefs
    assert [draft.outline for draft in drafts] == [False, True, True, False]
    assert [draft.refused for draft in drafts] == [[], ["quotes"] * 2, ["quotes"] * 2, []]
    assert [one.messages for one in base] == [one.messages for one in tuned]
    assert [one.messages[0]["content"] for one in base] == [ask_to_rewrite(draft.text) for draft in drafts]
    retold = list_calls(engines, ask_to_retell(""))
    assert len(retold) == 6
    assert {name for name, _ in retold} == {"base/v1/chat/completions"}
    assert sorted({body["temperature"] for _, body in retold}) == sorted(TEMPERATURES)
    rewriting = report["rewriting"]
    assert (rewriting["drafts"], rewriting["outlines"], rewriting["refused"]) == (4, 2, {"quotes": 4})
    assert rewriting["tuned"]["names"] == 1.0
    assert rewriting["base"]["names"] == 0.5
    assert rewriting["base"]["words"] < 0.2 < rewriting["tuned"]["words"] < 1.0
    assert rewriting["author"]["words"] == 1.0
    assert reporter.messages[-2].startswith(
        "[VALIDATE] Rewriting 4 drafts (2 of them outlines): T not measured; kept names 100%"
    )
    page = (folder / "report.html").read_text()
    assert page.count("<b>The draft</b>") + page.count("<b>The outline</b>") == 3
    assert "samples.jsonl" in {path.name for path in folder.iterdir()}
    assert all("outline" not in json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines())


def test_rewriting_is_asked_with_the_system_message_of_the_rows_and_retelling_without(order, folder):
    system = {"role": "system", "content": "You are the author."}
    rows = [make_row(f"{STORY} tale{n}.") for n in range(6)]
    write_rows(
        order.dataset / "test.jsonl",
        [row.model_copy(update={"messages": [system, *row.messages]}) for row in rows],
    )
    engines = RetellingEngines()
    run(order, folder, engines)
    rewritten, retold = list_calls(engines, REWRITE_INSTRUCTION), list_calls(engines, RETELL_INSTRUCTION)
    assert len(rewritten) == 8
    assert {body["messages"][0]["content"] for _, body in rewritten} == {system["content"]}
    assert {len(body["messages"]) for _, body in retold} == {1}


def test_an_attempt_goes_on_with_the_same_drafts_after_a_torn_line(order, folder, tmp_path):
    run(order, folder, RetellingEngines())
    lines = (folder / REWRITES).read_text().splitlines()
    (folder / REWRITES).write_text("\n".join(lines[:6]) + "\n" + lines[6][:40])
    second = tmp_path / "evaluate.2.tmp"
    second.mkdir()
    resume_rewrites([folder], second)
    engines = RetellingEngines()
    run(order, second, engines)
    assert list_calls(engines, ask_to_retell("")) == []
    assert len(list_calls(engines, REWRITE_INSTRUCTION)) == 6  # of eight, two were there
    assert [json.loads(line) for line in (second / REWRITES).read_text().splitlines()] == [
        json.loads(line) for line in lines
    ]


def test_passages_that_do_not_fit_into_the_context_are_left_out(order, folder):
    engines = RetellingEngines()
    engines.context = 70  # the request to retell has some seventy words itself
    report = run(order, folder, engines)
    assert report["rewriting"] is None
    assert "Rewriting a draft" not in (folder / "report.html").read_text()
    assert list_calls(engines, ask_to_retell("")) == []


def test_none_are_rewritten_if_none_are_wanted(order, folder):
    engines = RetellingEngines()
    assert run(order.model_copy(update={"rewrites": 0}), folder, engines)["rewriting"] is None
    assert not (folder / REWRITES).exists()


BOOK = BookWords(frozenset(["Kala", "Sabor"]), {"then": 90}, 100, ENGLISH)


def test_names_and_words_are_shares_of_the_drafts():
    content = compare_content(["Kala crouched then Sabor sprang", "rivers"], ["Kala sprang", "River"], BOOK, None)
    assert content.names == 0.5
    assert content.words == 0.75  # one of two, and a stem
    assert content.meaning is None
    assert compare_content(["rivers"], [""], BOOK, None).names is None


def test_without_the_package_or_in_another_language_meaning_is_not_measured(monkeypatch):
    monkeypatch.setattr(content_kept, "find_model", lambda: None)
    english, german = (
        "It was the best of times and it was the worst of them",
        "Es war die beste und es war die schlechteste der Zeiten",
    )
    assert content_kept.choose_model([english]) == (None, content_kept.NO_MODEL)
    assert content_kept.choose_model([german]) == (None, content_kept.OTHER_LANGUAGE)
    monkeypatch.setattr(sentence_model, "PACKAGE", "no_such_package")
    assert sentence_model.find_model() is None


def test_a_package_with_other_weights_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "other_weights_package" / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    (folder / "model.safetensors").write_bytes(b"other")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sentence_model, "PACKAGE", "other_weights_package")
    assert sentence_model.find_model() is None
    monkeypatch.setattr(sentence_model, "hash_file", lambda path: sentence_model.WEIGHTS_SHA256)
    assert sentence_model.find_model() == folder


class DirectionModel:
    """A sentence is a direction: its first word's length."""

    def embed(self, texts):
        angles = [len(text.split()[0]) / 10 for text in texts]
        return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], np.float32)


def test_meaning_is_the_cosine_of_mean_sentences_and_nothing_means_nothing():
    meaning = Meaning(DirectionModel())
    assert meaning.compare(["One two."], ["Six seven."]) == pytest.approx(1.0, abs=1e-6)
    assert meaning.compare(["Mr. X one. Two."], [""]) == 0.0
    assert meaning.compare(["abc"], ["abcdefgh"]) == pytest.approx(np.cos(0.5), abs=1e-6)


def test_a_line_says_what_was_measured():
    def sample(role, text):
        return RewriteSample(
            role=role,
            index=0,
            chapter="",
            genuine="Kala saw rivers",
            messages=[],
            text=text,
            finish_reason="stop",
            tokens=1,
            temperature=1,
            max_tokens=9,
            seed=None,
            model="m",
            engine=None,
        )

    samples = [sample("draft", "Kala by rivers"), sample("base", "rivers"), sample("tuned", "Kala")]
    rewriting = measure_rewriting(samples, BOOK)
    assert rewriting
    assert (
        describe_rewriting(rewriting, None)
        == "Rewriting 1 drafts: T not measured; kept names 100% (0%), words 0% (100%)"
    )
    assert measure_rewriting([], read_book([], ENGLISH)) is None
