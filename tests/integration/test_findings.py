"""Findings in a real manuscript: few let a job go on, many are shown before the question about them is asked."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from standins import BASE
from work import event_messages

from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import DecisionKind, Hyperparameters, Job, Phase, Status
from scriptorium.jobs.leftovers import LeftoverKind, find_leftovers, remove_leftovers, stored_records
from scriptorium.jobs.runner import Context, run_phase
from scriptorium.recipe import Recipe
from services.data.prepare import prepare_manuscript
from tests.made_up_authors import write_text
from tests.word_model import write_word_model

CHAPTERS, CHAPTER_WORDS = 9, 1_040  # made of few different words, which is a finding of its own from 10,000 on
OPENING = "Nobody in the village remembered the winter of the wolves, and whoever did was silent about it."
REFRAIN = "And the sea was calm again. "
PAGE, JSON = "/jobs/ftjob-1/quality", "/v1/x/jobs/ftjob-1/quality"


@pytest.fixture(autouse=True)
def base(context: Context) -> None:
    """Give the base a tokenizer whose tokens are words."""
    write_word_model(context.volume.models / BASE)


def write_book(refrains: int) -> str:
    """Write chapters of which so many have a refrain in one passage each, which is a debatable finding."""
    chapters = [write_text(1, chapter, CHAPTER_WORDS).split(". ") for chapter in range(CHAPTERS)]
    for chapter in chapters[:refrains]:
        chapter.insert(len(chapter) // 2, REFRAIN * 5)
    paragraphs = [
        "\n\n".join(". ".join(chapter[i : i + 6]) + "." for i in range(0, len(chapter), 6)) for chapter in chapters
    ]
    return "\n\n".join(f"CHAPTER {number}\n\n{text}" for number, text in enumerate(paragraphs, 1))


def prepare(context: Context, refrains: int, opening: str = "", **decisions: Any) -> Job:
    """Submit a job with such a book, after an opening, and run its first phase."""
    text = f"{opening}\n\n{write_book(refrains)}"
    file = FileStore(context.volume.files).add(io.BytesIO(text.encode()), "the_sea.txt", "fine-tune")
    chunking = {"unit": "words", "minimum": 60, "maximum": 150}
    body = {"name": "r", "decisions": decisions, "data": {"prompt": "brief", "chunking": chunking}}
    job = Job(id="ftjob-1", created_at=int(time.time()), model=BASE, training_file=file.id,
              recipe=Recipe.model_validate(body), hyperparameters=Hyperparameters())  # fmt: skip
    context.pipeline.submit(job)
    return run(context)


def run(context: Context) -> Job:
    run_phase("ftjob-1", Phase.PREPARE, prepare_manuscript, context=context)
    return context.store.jobs.get("ftjob-1")


def test_one_refrain_in_a_long_book_stops_nobody(context: Context, http: httpx.Client) -> None:
    job = prepare(context, 1)
    assert (job.status, job.phase) == (Status.QUEUED, Phase.TRAIN)
    decision = job.decisions[DecisionKind.DATA_QUALITY]
    assert (decision.answer, decision.answered_by, decision.recommended) == ("go_on", "policy", "go_on")
    (event,) = [text for text in event_messages(context, job.id) if "[DECISION]" in text]
    assert "line_repeated (1)" in event
    assert event.endswith("Look at /jobs/ftjob-1/quality Taken as recommended: go_on")
    body = http.get(JSON).json()
    assert (body["title"], body["decision"]["asked"], body["decision"]["answer"]) == ("The sea", False, "go_on")
    assert body["decision"]["share"] < 0.02
    assert "Ready to train. A finding to review is in" in http.get(PAGE).text


def test_a_recipe_may_tolerate_nothing(context: Context) -> None:
    job = prepare(context, 1, tolerated_share=0)
    assert (job.status, job.decisions[DecisionKind.DATA_QUALITY].recommended) == (Status.PAUSED, "go_on")


def test_everything_is_shown_before_the_question_and_the_answer_after_it(context: Context, http: httpx.Client) -> None:
    job = prepare(context, CHAPTERS)
    assert job.status is Status.PAUSED
    messages = event_messages(context, job.id)
    question = next(number for number, text in enumerate(messages) if text.startswith("[DECISION] Train in spite"))
    places = [number for number, text in enumerate(messages) if "5 times 'and the sea" in text]
    assert len(places) == 5  # of nine: the page has more
    assert max(places) < question
    assert "Look at /jobs/ftjob-1/quality" in messages[question]
    (listed,) = http.get("/v1/x/jobs/ftjob-1/decisions").json()["data"]
    assert (listed["page"], listed["recommended"]) == (PAGE, "stop")
    assert http.get("/v1/fine_tuning/jobs/ftjob-1").json()["scriptorium"]["pages"] == {"quality": PAGE}
    page = http.get(PAGE)
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "Better not train on this text as it is." in page.text
    assert "Ready to train" not in page.text
    body = http.get(JSON).json()
    assert (body["decision"]["codes"], body["decision"]["answer"]) == ({"line_repeated": CHAPTERS}, None)

    context.pipeline.answer(job.id, DecisionKind.DATA_QUALITY, "go_on")
    job = run(context)
    assert job.phase is Phase.TRAIN
    assert "It trains by decision, although the advice was to correct the text first." in http.get(PAGE).text
    assert len([text for text in event_messages(context, job.id) if "5 times 'and the sea" in text]) == 5  # once
    published = json.loads((context.volume.folder(job.id, Phase.PREPARE) / "quality.json").read_text())
    assert (published["decision"]["asked"], published["decision"]["answer"]) == (True, "go_on")


def test_the_page_of_a_job_that_was_stopped_outlives_its_folder(context: Context, http: httpx.Client) -> None:
    job = prepare(context, CHAPTERS)
    context.pipeline.answer(job.id, DecisionKind.DATA_QUALITY, "stop")
    job = run(context)
    assert (job.status, job.error and job.error.code) == (Status.FAILED, "invalid_training_file")
    folders = find_leftovers(context.volume, stored_records(context.store), context.settings)
    remove_leftovers(LeftoverKind.TEMPORARY_FOLDERS, folders[LeftoverKind.TEMPORARY_FOLDERS])
    assert not list(Path(context.volume.run(job.id)).glob("*.tmp"))
    assert "Stopped by decision" in http.get(PAGE).text
    assert http.get(JSON).json()["decision"]["answer"] == "stop"


def test_what_could_be_story_is_asked_about_and_kept(context: Context, http: httpx.Client) -> None:
    job = prepare(context, 0, OPENING)
    decision = job.decisions[DecisionKind.DATA_QUALITY]
    assert (job.status, decision.recommended) == (Status.PAUSED, "keep")
    assert "could be story" in http.get(PAGE).text
    assert OPENING not in read_passages(context, job)
    context.pipeline.answer(job.id, DecisionKind.DATA_QUALITY, "keep")
    job = run(context)
    assert (job.status, job.phase) == (Status.QUEUED, Phase.TRAIN)
    assert OPENING in read_passages(context, job)
    assert "what could be story was kept" in http.get(PAGE).text


def test_a_recipe_that_asks_nobody_keeps_what_could_be_story(context: Context, http: httpx.Client) -> None:
    job = prepare(context, 0, OPENING, data_quality="auto")
    assert (job.status, job.phase) == (Status.QUEUED, Phase.TRAIN)
    assert job.decisions[DecisionKind.DATA_QUALITY].answer == "keep"
    assert OPENING in read_passages(context, job)
    assert "what could be story was kept" in http.get(PAGE).text


def read_passages(context: Context, job: Job) -> str:
    """Return the text of every row that has been published."""
    folder = context.volume.folder(job.id, Phase.PREPARE) / "alpaca"
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.jsonl")))


def test_a_recipe_that_stops_a_job_says_so(context: Context, http: httpx.Client) -> None:
    job = prepare(context, CHAPTERS, data_quality="auto")
    assert job.status is Status.FAILED
    assert job.error
    assert "data_quality: auto" in job.error.message
    assert "your decision" not in job.error.message
    assert "Stopped by the recipe, as recommended" in http.get(PAGE).text
    assert http.get(JSON).json()["decision"]["answered_by"] == "policy"


def test_before_there_is_anything_to_show(http: httpx.Client, job: Job) -> None:
    assert http.get(JSON).json()["error"]["code"] == "conflict"
    page = http.get(PAGE)
    assert page.status_code == 409
    assert "has not been looked at yet" in page.text
    assert http.get("/jobs/ftjob-9/quality").status_code == 404
