"""Rows from an upload to the record of a job: through the openai client, the real store and the real preparation."""

from __future__ import annotations

import json
import random
from typing import Any

import openai
import pytest
from standins import BASE

from scriptorium.artifacts.dataset import PreferenceRow, read_rows
from scriptorium.contracts import Phase
from scriptorium.jobs.runner import Context, run_phase
from services.data.prepare import prepare_manuscript
from tests.word_model import write_word_model

WORDS = "cabin ocean lion forest rope boat lamp river letter sword horse garden tower bridge candle window".split()  # noqa: SIM905
DPO = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.3}}}


def write(number: int) -> str:
    chosen = random.Random(number).choices(WORDS, k=40)  # noqa: S311  # no secret
    return f"He saw the {' '.join(chosen)}."


def preference(number: int) -> dict[str, Any]:
    return {
        "input": {"messages": [{"role": "user", "content": f"Write {number}."}]},
        "preferred_output": [{"role": "assistant", "content": write(number)}],
        "non_preferred_output": [{"role": "assistant", "content": "I would rather not."}],
    }


def chat(number: int) -> dict[str, Any]:
    return {"messages": [*preference(number)["input"]["messages"], {"role": "assistant", "content": write(number)}]}


def prepare(client: openai.OpenAI, context: Context, rows: list[Any], **request: Any) -> Any:
    """Upload rows, create a job of them and run its preparation; return the job as its user sees it."""
    write_word_model(context.settings.models / BASE)
    content = "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    file = client.files.create(file=("rows.jsonl", content.encode()), purpose="fine-tune")
    recipe = {"name": "rows", "decisions": {"data_quality": "auto"}}
    job = client.fine_tuning.jobs.create(model=BASE, training_file=file.id, extra_body={"recipe": recipe}, **request)
    run_phase(job.id, Phase.PREPARE, prepare_manuscript, context=context)
    return client.fine_tuning.jobs.retrieve(job.id)


def test_preferences_are_prepared_and_the_job_waits_to_train(client: openai.OpenAI, context: Context) -> None:
    job = prepare(client, context, [preference(number) for number in range(30)], method=DPO)
    assert (job.status, job.error) == ("queued", None)
    assert job.method.dpo.hyperparameters.beta == 0.3
    rows = read_rows(context.volume.folder(job.id, Phase.PREPARE) / "train.jsonl")
    assert len(rows) == 21
    assert all(isinstance(row, PreferenceRow) and row.rejected == "I would rather not." for row in rows)


@pytest.mark.parametrize(
    "case",
    [
        (
            [chat(0), "{", "null", {"messages": [{"role": "user", "content": None}]}, *map(chat, range(20))],
            None,
            "invalid_training_file",
            ["line 2: is invalid JSON", "line 3: is not an object but null", "line 4: message 1 is not text but null"],
        ),
        ([chat(0), *map(preference, range(20))], None, "invalid_training_file", ["line 2: is a preference"]),
        (
            [chat(0), *map(preference, range(20))],
            DPO,
            "invalid_training_file",
            ["line 1: has one answer"],
        ),
        (list(map(chat, range(6))), None, "invalid_n_examples", ["at least 10 are needed"]),
    ],
)
def test_bad_rows_fail_the_job_with_a_code_their_lines_and_a_next_step(
    client: openai.OpenAI, context: Context, case: tuple[list[Any], Any, str, list[str]]
) -> None:
    rows, method, code, lines = case
    job = prepare(client, context, rows, **({"method": method} if method else {}))
    assert job.status == "failed"
    assert (job.error.code, job.error.param) == (code, "training_file")
    for line in lines:
        assert line in job.error.message
    assert job.error.model_extra["next_step"]
