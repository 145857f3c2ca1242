"""Estimates over the real API: of an uploaded manuscript, of one that a job has prepared, of counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from standins import BASE
from work import submit

from scriptorium.cli.jobs.plan import count_dataset
from scriptorium.contracts import Phase, PrepareResult, TokenStatistics
from scriptorium.jobs.runner import Context
from scriptorium.recipe import Recipe

ESTIMATE = "/v1/x/estimate"
COUNTS = {"rows": 144, "tokens": 90_000, "longest_row": 760, "answer_tokens": 77_000, "dev_rows": 21}
CONFIG = {
    "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9,
    "num_key_value_heads": 3, "intermediate_size": 1536, "tie_word_embeddings": True, "dtype": "bfloat16",
}  # fmt: skip


@pytest.fixture(autouse=True)
def shaped(context: Context) -> None:
    """Give the fake base model the shape of a real one."""
    (context.settings.models / BASE / "config.json").write_text(json.dumps(CONFIG))


def post(http: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = http.post(ESTIMATE, json={"model": BASE, **body})
    assert answer.status_code == 200, answer.text
    estimate: dict[str, Any] = answer.json()
    return estimate


def upload(http: httpx.Client, text: str) -> str:
    files = {"file": ("book.txt", text.encode())}
    return str(http.post("/v1/files", files=files, data={"purpose": "fine-tune"}).json()["id"])


def test_counts_are_estimated(http: httpx.Client) -> None:
    estimate = post(http, dataset=COUNTS, recipe="cpu")
    assert (estimate["rows"], estimate["updates"], estimate["recipe"]) == (144, 45, "cpu")
    assert estimate["peak_bytes"] == sum(estimate["memory"].values())
    assert estimate["seconds"] > 40
    assert estimate["fits"]
    assert "max_steps 60" in estimate["warnings"][0]


def test_the_counts_of_the_command_line_are_understood(http: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text("It was a dark and stormy night. " * 2000)
    estimate = post(http, dataset=count_dataset(tmp_path / "book.txt", Recipe(name="r")), recipe="qlora")
    assert estimate["basis"] == "14,000 words of book.txt, not yet prepared; 5% of the trained tokens replayed"
    assert estimate["rows"] == 11  # nine of the book, two of the base's answers


def test_a_manuscript_is_estimated_from_its_words_until_a_job_has_prepared_it(
    http: httpx.Client, context: Context
) -> None:
    job = submit(context, "ftjob-1")
    body = {"training_file": job.training_file, "recipe": job.recipe.model_dump(mode="json")}
    assert post(http, **body)["basis"] == "4 words of book.txt, not yet prepared; 5% of the trained tokens replayed"
    train = TokenStatistics(examples=77, mean=500.0, minimum=400, maximum=600, total=38_500)
    result = PrepareResult(words=1, chapters=1, splits={"train": train})
    folder = context.volume.attempt(job.id, Phase.PREPARE, 1)
    context.volume.publish(job.id, Phase.PREPARE, folder, {"result": result.model_dump(mode="json")})
    estimate = post(http, **body)
    assert (estimate["rows"], estimate["basis"]) == (93, "the dataset of ftjob-1; 5% of the trained tokens replayed")
    assert post(http, **body | {"recipe": "cpu"})["rows"] == 1  # cut in another way


def test_replayed_rows_are_a_part_of_all_rows(http: httpx.Client) -> None:
    answer = http.post("/v1/x/estimate", json={"recipe": "cpu", "dataset": {**COUNTS, "replay_rows": COUNTS["rows"]}})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert "a part of rows" in answer.json()["error"]["message"]


def test_the_hyperparameters_of_a_job_count(http: httpx.Client) -> None:
    fields = {"dataset": COUNTS, "recipe": "lora", "hyperparameters": {"n_epochs": 5, "batch_size": 4}}
    estimate = post(http, **fields)
    assert estimate["training"]["num_epochs"] == 5
    assert estimate["updates"] in {5 * 36, 5 * -(-estimate["rows"] // 4)} or estimate["training"]["sample_packing"]


def test_the_default_base_is_estimated_before_it_is_fetched(http: httpx.Client) -> None:
    estimate = post(http, model="meta-llama/Llama-3.1-8B-Instruct", dataset=COUNTS, recipe="qlora")
    assert 5e9 < estimate["memory"]["weights"] < 6e9


def test_every_problem_is_told_at_once(http: httpx.Client, context: Context) -> None:
    file = upload(http, "word " * 10)
    for body, code, param in [
        ({"model": BASE}, "invalid_request", "body"),
        ({"model": BASE, "training_file": file, "dataset": COUNTS}, "invalid_request", "body"),
        ({"model": BASE, "dataset": {**COUNTS, "rows": 0}, "recipe": "cpu"}, "invalid_request", "dataset.rows"),
        ({"model": BASE, "training_file": "file-" + "0" * 24}, "file_not_found", "training_file"),
        ({"model": "somebody/unknown", "dataset": COUNTS}, "base_model_unusable", "model"),
    ]:
        error = http.post(ESTIMATE, json=body).json()["error"]
        assert (error["code"], error["param"]) == (code, param), error
    answer = http.post(ESTIMATE, json={"model": "none", "training_file": "x", "recipe": "none"}).json()["error"]
    assert answer["message"].startswith("The request has 3 problem(s).")
    (context.settings.models / BASE / "config.json").write_text('{"model_type": "mamba"}')
    answer = http.post(ESTIMATE, json={"model": BASE, "dataset": COUNTS})
    assert answer.status_code == 409
    assert "cannot be planned" in answer.json()["error"]["message"]


def test_a_validation_file_is_the_dev_split_of_an_estimate(http: httpx.Client) -> None:
    book, dev = upload(http, "It was a dark and stormy night. " * 20_000), upload(http, "Rain fell. " * 8_000)
    alone = post(http, training_file=book, recipe="cpu")
    beside = post(http, training_file=book, validation_file=dev, recipe="cpu")
    assert beside["rows"] > alone["rows"]
    assert "dev: 16,000 words of book.txt" in beside["basis"]
    empty = upload(http, " ")
    answer = http.post(ESTIMATE, json={"model": BASE, "training_file": book, "validation_file": empty, "recipe": "cpu"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_validation_file")
    assert answer.json()["error"]["param"] == "validation_file"


@pytest.mark.parametrize("change", [{"rows": 90_001}, {"longest_row": 90_001}, {"answer_tokens": 90_001}])
def test_a_part_is_not_more_than_the_whole(http: httpx.Client, change: dict[str, int]) -> None:
    answer = http.post(ESTIMATE, json={"model": BASE, "dataset": COUNTS | change})
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "dataset")
