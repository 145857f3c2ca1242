import json
import time
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path

import httpx
import numpy as np
import pytest
from safetensors.numpy import save_file

from scriptorium.artifacts.dataset import IMPOSTORS, Row, write_lines, write_rows
from scriptorium.contracts import Endpoint, EvaluateRequest, VoiceScore
from scriptorium.errors import Cancelled, EvaluationFailed
from scriptorium.jobs.reporter import SilentReporter
from services.evaluator.evaluate import evaluate_voice
from services.evaluator.generation.resume import resume_evaluation
from services.evaluator.impostors import Impostor
from services.evaluator.report.build_report import count_parameters
from services.evaluator.voice_inputs import GenuinePassage, read_texts, reread_texts
from services.evaluator.voice_outcome import gather_inputs
from tests.report_example import make_sample

NO_DELAYS = (0.0, 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "evaluate.1.tmp"
    folder.mkdir()
    return folder


def make(passage: str = "It rained all night", brief: str = "Write about rain") -> Row:
    messages = [{"role": "user", "content": brief}, {"role": "assistant", "content": passage}]
    return Row(messages=messages, chapter="Chapter 7")


def run(request, folder, engines, reporter=None):
    reporter = reporter or SilentReporter()
    return evaluate_voice(request, folder, reporter, transport=engines.transport, retry_delays=NO_DELAYS)


def test_an_evaluation_from_end_to_end(request_, folder, engines):
    reporter = SilentReporter()
    result = run(request_, folder, engines, reporter)
    assert result.author.base == pytest.approx(2.0)
    assert result.author.tuned == pytest.approx(1.5)
    assert result.author.drop_percent == pytest.approx(25.0)
    assert (result.author.low_percent, result.author.high_percent) == pytest.approx((25.0, 25.0))
    assert result.others is not None
    assert result.others.passages == 3
    assert result.samples == 4
    assert result.unseen_impostors == 0
    assert result.voice == VoiceScore(verdict="not_measurable")  # of a few words
    assert reporter.messages[-3:] == [
        "[VALIDATE] Held-out loss 2.00 -> 1.50 (-25.0 %, 95 % interval 25.0-25.0); other authors -25.0 %",
        "[VALIDATE] Voice: not measurable",
        "[VALIDATE] Report written",
    ]
    assert "[VALIDATE] 5/8 passages written" in reporter.messages
    assert "[VALIDATE] 8/8 passages written" in reporter.messages
    assert {path.name for path in folder.iterdir()} == {"report.json", "report.html", "samples.jsonl"}


def test_report_json_says_how_it_was_measured(request_, folder, engines):
    run(request_, folder, engines)
    body = json.loads((folder / "report.json").read_text())
    assert body["result"]["author"]["drop_percent"] == pytest.approx(25.0)
    assert body["settings"]["decoding"] == {
        "temperature": 1.0,
        "top_p": 1.0,
        "top_k": 0,
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "max_tokens": 16,
    }
    assert body["settings"]["seeds"].startswith("none")
    assert body["settings"]["longest_tokens"] == 63
    assert body["tuned"] == {"model": "tuned", "max_model_len": 64, "version": "0.0.test"}
    assert body["training"]["train"] == [{"step": 1, "loss": 3.9}, {"step": 2, "loss": 3.5}]
    assert len(body["passages"]["author"]) == 6
    assert body["scriptorium"]


def test_both_models_get_the_same_requests(request_, folder, engines):
    run(request_, folder, engines)
    requests = [(name, body) for name, body in engines.calls if name.endswith("/v1/chat/completions")]
    assert len(requests) == 8
    assert requests[0][1]["messages"] == [{"role": "user", "content": "Write about rain"}]
    for _, body in requests:
        assert "seed" not in body  # which kills vLLM on a CPU
        assert {body["temperature"], body["top_p"], body["repetition_penalty"]} == {1.0}
        assert {body["top_k"], body["min_p"]} == {0}
        assert body["max_tokens"] == 16
    assert {body["model"] for _, body in requests} == {"base", "tuned"}


def test_requests_run_at_once(request_, folder, engines):
    engines.slow = 0.02
    run(request_, folder, engines)
    assert engines.busiest == 4  # all passages of one model; the other model waits for its turn


def test_samples_are_kept_in_order(request_, folder, engines):
    run(request_, folder, engines)
    samples = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    assert [(sample["role"], sample["index"]) for sample in samples] == list(product(["base", "tuned"], range(4)))
    assert samples[0]["brief"] == "Write about rain"
    assert samples[0]["genuine"] == "It rained all night"
    assert samples[4]["text"] == engines.text
    assert (samples[4]["finish_reason"], samples[4]["tokens"]) == ("length", 6)
    assert (samples[4]["model"], samples[4]["engine"]) == ("tuned", "0.0.test")


def test_without_other_authors(request_, folder, engines):
    (request_.dataset / "reference.jsonl").unlink()
    reporter = SilentReporter()
    result = run(request_, folder, engines, reporter)
    assert result.others is None
    assert "other authors" not in reporter.messages[-2]
    assert "no other authors’ pages" in (folder / "report.html").read_text()


def test_nothing_held_out(request_, folder, engines):
    (request_.dataset / "test.jsonl").write_text("")
    with pytest.raises(EvaluationFailed, match=r"test\.jsonl has no rows") as caught:
        run(request_, folder, engines)
    assert caught.value.next_step
    assert engines.calls == []


def test_both_endpoints_down_are_both_named(request_, folder, engines):
    engines.broken = {
        "base": [httpx.ConnectError("Connection refused")],
        "tuned": [httpx.Response(503, text="still loading")],
    }
    with pytest.raises(EvaluationFailed) as caught:
        run(request_, folder, engines)
    base, tuned = map(str, caught.value.problems)
    assert "base model base at http://base.test" in base
    assert "Connection refused (3 tries)" in base
    assert "tuned model tuned" in tuned
    assert "HTTP 503: still loading" in tuned
    assert caught.value.next_step


def test_an_engine_that_is_late_is_waited_for(request_, folder, engines):
    engines.broken = {
        "base/v1/models": [httpx.Response(503), httpx.ConnectError("no"), httpx.Response(200, json=MODELS)]
    }
    assert run(request_, folder, engines).samples == 4


MODELS = {"data": [{"id": "base", "max_model_len": 64}]}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_an_engine_that_dies_on_the_way(request_, folder, engines, path):
    engines.broken = {f"tuned{path}": [httpx.Response(500, text="EngineDeadError")]}
    with pytest.raises(EvaluationFailed) as caught:
        run(request_, folder, engines)
    assert "tuned model" in str(caught.value)
    assert "EngineDeadError" in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(400, text="prompt too long"), "HTTP 400: prompt too long"),
        (httpx.Response(200, text="<html>"), "something unexpected"),
        (httpx.Response(200, text='{"choices": [{"message": {"content": "lone \\ud800"}}]}'), "something unexpected"),
        (httpx.Response(200, json={"choices": []}), "something unexpected"),
        (httpx.Response(200, json={"choices": [{"prompt_logprobs": [None]}]}), "scored 1 tokens of"),
        (httpx.Response(200, json={"choices": [{"prompt_logprobs": [None] * 11}]}), "no log-probability for token"),
    ],
)
def test_answers_that_do_not_fit(request_, folder, engines, answer, words):
    (request_.dataset / "reference.jsonl").unlink()
    engines.broken = {"base/v1/completions": [answer]}
    with pytest.raises(EvaluationFailed) as caught:
        run(request_, folder, engines)
    assert words in str(caught.value)
    assert len([name for name, _ in engines.calls if name == "base/v1/completions"]) <= 6  # not tried again


def test_another_model_is_served(request_, folder, engines):
    engines.broken = {"tuned/v1/models": [httpx.Response(200, json={"data": [{"id": "elsewhere"}]})]}
    with pytest.raises(EvaluationFailed) as caught:
        run(request_, folder, engines)
    assert "serves elsewhere instead of tuned" in str(caught.value)


class ImpatientReporter(SilentReporter):
    """A reporter that cancels after a moment."""

    def __init__(self) -> None:
        super().__init__()
        self.checks = 0

    def check(self) -> None:
        self.checks += 1
        if self.checks > 1:
            raise Cancelled("Cancelled by the user.")


def test_cancelled_at_once(request_: EvaluateRequest, folder, engines):
    engines.slow = 60.0
    started = time.monotonic()
    with pytest.raises(Cancelled):
        run(request_, folder, engines, ImpatientReporter())
    assert time.monotonic() - started < 5


def test_complete_samples_survive_a_failure(request_, folder, engines):
    engines.broken = {"tuned/v1/chat/completions": [httpx.Response(400, text="no")]}
    with pytest.raises(EvaluationFailed):
        run(request_, folder, engines)
    with (folder / "samples.jsonl").open("a") as lines:
        lines.write('{"role": "tuned", "te')  # torn
    engines.broken, engines.calls = {}, []
    later = folder.with_name("evaluate.2.tmp")
    later.mkdir()
    resume_evaluation([folder], later)
    reporter = SilentReporter()
    assert run(request_, later, engines, reporter).samples == 4
    assert {name for name, _ in engines.calls if name.endswith("/chat/completions")} == {"tuned/v1/chat/completions"}
    assert "[VALIDATE] Writing 8 passages (base 4, tuned 4); 4 are there from an earlier attempt" in reporter.messages


def test_samples_that_were_asked_for_otherwise_are_written_again(request_, folder, engines):
    run(request_, folder, engines)
    engines.calls = []
    run(request_.model_copy(update={"seeded": True}), folder, engines)
    seeds = [body["seed"] for name, body in engines.calls if name.endswith("/chat/completions")]
    assert len(seeds) == 8
    assert seeds[:4] == seeds[4:]
    assert len(set(seeds)) == 4


def test_calibration_and_the_prompted_baseline(request_, folder, engines):
    long = " ".join(["It rained all night."] * 15)
    write_rows(request_.dataset / "train.jsonl", [make(long) for _ in range(5)])
    write_rows(request_.dataset / "dev.jsonl", [make(brief="Write about rain all night")])
    write_lines(request_.dataset / IMPOSTORS, [{"author": f"a{n}", "works": ["It rained"]} for n in range(9)])
    engines.context = 600
    result = run(request_, folder, engines)
    assert (result.samples, result.unseen_impostors) == (4, 5)
    texts = reread_texts(request_.dataset, folder, request_.seed)
    assert len(texts.base) == len(texts.tuned) == len(texts.prompted) == len(texts.base_calibration) == 4
    assert texts.author_train == [long] * 5
    assert texts.held_out[0] == GenuinePassage("It rained all night", "Chapter 7")
    assert sum(impostor.is_seen for impostor in texts.impostors) == 4
    requests = {
        (
            name.partition("/")[0],
            "Imitate" in body["messages"][0]["content"],
            "rained" in body["messages"][0]["content"],
        )
        for name, body in engines.calls
        if name.endswith("/chat/completions")
    }
    assert requests == {("base", False, False), ("base", True, True), ("tuned", False, False)}


def test_each_model_writes_at_its_temperature_and_a_new_attempt_writes_nothing_again(request_, folder, engines):
    write_rows(request_.dataset / "dev.jsonl", [make(brief="Write about rain all night")])
    warm = request_.model_copy(update={"temperature": 0.8, "base_temperature": 0.9})
    run(warm, folder, engines)
    asked = [(name.partition("/")[0], body["temperature"]) for name, body in engines.calls if "chat" in name]
    assert Counter(asked) == {("base", 1.0): 2 + 4, ("base", 0.9): 2, ("tuned", 0.8): 4}  # too little text to choose
    settings = json.loads((folder / "report.json").read_text())["settings"]
    assert (settings["decoding"]["temperature"], settings["base_temperature"]) == (0.8, 1.0)
    assert settings["base_temperatures"] == [1.0, 0.9]
    engines.calls = []
    run(warm, folder, engines)
    assert [name for name, _ in engines.calls if "chat" in name] == []
    run(warm.model_copy(update={"temperature": 0.85}), folder, engines)
    assert {name for name, _ in engines.calls if "chat" in name} == {"tuned/v1/chat/completions"}


def test_the_voice_is_learned_from_the_authors_own_names_and_copies_of_other_names_count(request_):
    renamed = make("It rained on Hargrove").model_copy(update={"genuine": "It rained on Numa"})
    write_rows(request_.dataset / "train.jsonl", [renamed, make()])
    write_rows(request_.dataset / "dev.jsonl", [make("The dev text")])
    texts = read_texts(request_.dataset, [], request_.seed)
    assert texts.author_train == ["It rained on Numa", "It rained all night"]
    assert texts.author_renamed == ["It rained on Hargrove"]
    long = "Word " * 600
    enough = replace(
        texts, author_train=[long], base_calibration=[long], held_out=[GENUINE], briefs=["Write"], base=["It"],
        tuned=["It"], impostors=[Impostor("A", (long,), True)],
    )  # fmt: skip
    samples = [make_sample(role="base"), make_sample(role="tuned")]
    inputs = gather_inputs(enough, samples, None, ())
    assert list(inputs.author_other) == ["The dev text", "It rained on Hargrove"]


GENUINE = GenuinePassage("It rained", "Chapter 7")


def test_names_of_the_book_in_new_scenes_are_reported(request_, folder, engines):
    write_rows(request_.dataset / "train.jsonl", [make("Here was <Numa>, and Numa was here, said Numa.")] * 3)
    engines.context, engines.text = 300, "The rain fell, and Numa <b>came</b>."
    engines.text_of["base"] = "The rain fell."
    reporter = SilentReporter()
    result = run(request_.model_copy(update={"scenes": 3}), folder, engines, reporter)
    assert (result.samples, result.leak_rate) == (4, 1.0)
    briefs = [body["messages"][0]["content"] for name, body in engines.calls if "chat" in name]
    assert sum("People and places:" in brief for brief in briefs) == 6
    body = json.loads((folder / "report.json").read_text())
    assert body["scenes"]["names"] == [{"name": "Numa", "passages": 3}]
    assert body["scenes"]["base"]["leaking"] == 0
    assert any("data.rename" in caveat for caveat in body["verdict"]["caveats"])
    page = (folder / "report.html").read_text()
    assert "and <mark>Numa</mark> &lt;b&gt;came" in page
    assert "3 of 3 new scenes" in page
    assert "[VALIDATE] New scenes: 3 of 3 new scenes (100 %" in "\n".join(reporter.messages)
    assert "base scenes 3, tuned 4, tuned scenes 3" in "\n".join(reporter.messages)
    engines.calls = []
    run(request_.model_copy(update={"scenes": 3}), folder, engines)
    assert [name for name, _ in engines.calls if "chat" in name] == []


def test_without_new_scenes_there_is_no_leak_rate(request_, folder, engines):
    assert run(request_, folder, engines).leak_rate is None
    assert json.loads((folder / "report.json").read_text())["scenes"] is None
    assert "New scenes" not in (folder / "report.html").read_text()


def test_one_engine_for_both_models_gets_everything_at_once(request_, folder, engines):
    engines.slow = 0.02
    both = {
        "base": Endpoint(url="http://one.test", model="base"),
        "tuned": Endpoint(url="http://one.test", model="tuned"),
    }
    run(request_.model_copy(update={**both, "streams": 6}), folder, engines)
    assert engines.busiest == 6


def test_an_unknown_author_of_the_same_kind_is_logged(request_, folder, engines):
    reporter = SilentReporter()
    run(request_.model_copy(update={"alike": ["Nobody", "Crane"]}), folder, engines, reporter)
    assert "[VALIDATE] evaluation.alike names Nobody, Crane, but the other authors are: none" in reporter.messages


def test_the_weights_of_all_files_are_counted(tmp_path):
    save_file({"a": np.zeros((3, 4)), "b": np.zeros(5)}, tmp_path / "model-1.safetensors")
    save_file({"c": np.zeros((2, 2))}, tmp_path / "model-2.safetensors")
    assert count_parameters(tmp_path) == 21


def test_a_folder_without_weights(tmp_path):
    assert count_parameters(tmp_path) is None
