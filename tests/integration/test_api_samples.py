"""Sample passages over the real API: while training runs, after it has ended, and before it has begun."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from blind import HOSTILE
from work import submit

from scriptorium.artifacts.checkpoint_samples import (
    CheckpointSample,
    SampleBrief,
    SampleOrder,
    append_samples,
    write_order,
)
from scriptorium.contracts import Job, Phase
from scriptorium.jobs.runner import Context

STEPS = (0, 3, 6)
SAMPLES = "/v1/x/jobs/ftjob-1/checkpoint_samples"
PAGE = "/jobs/ftjob-1/samples"


class PassageReader(HTMLParser):
    """Collects the text of each passage on the page, by what it is labelled; counts scripts and hidden passages."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, list[str]] = {}
        self.labels: list[str] = []
        self.scripts = self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.scripts += tag == "script"
        if tag == "section":
            self.labels.append(values["aria-label"] or "")
            self.texts.setdefault(self.labels[-1], []).append("")
            self.hidden += "hidden" in values

    def handle_endtag(self, tag: str) -> None:
        if tag == "section":
            self.labels.pop()

    def handle_data(self, data: str) -> None:
        if self.labels:
            self.texts[self.labels[-1]][-1] += data


@pytest.fixture
def attempt(context: Context, job: Job) -> Path:
    """The folder of an attempt that has written at three steps."""
    folder = context.volume.attempt(job.id, Phase.TRAIN, 2)
    briefs = [SampleBrief(f"Brief {number} {HOSTILE}", f"Author {number} {HOSTILE}", [1]) for number in (0, 1)]
    write_order(folder, SampleOrder(briefs, 120, 42))
    append_samples(
        folder,
        [CheckpointSample(step, n, f"Step {step} text {n}\n\n{HOSTILE}", n == 1) for step in STEPS for n in (0, 1)],
    )
    return folder


def test_passages_are_there_while_training_runs_and_after_it(
    http: httpx.Client, context: Context, job: Job, attempt: Path
) -> None:
    context.volume.attempt(job.id, Phase.TRAIN, 3)  # a new attempt that has not written anything yet
    running = http.get(SAMPLES).json()
    assert (running["object"], running["job"], running["page"]) == ("checkpoint_samples", "ftjob-1", PAGE)
    assert running["steps"] == list(STEPS)
    assert [entry["author"] for entry in running["briefs"]] == [f"Author {number} {HOSTILE}" for number in (0, 1)]
    assert running["briefs"][1]["passages"][2] == {"step": 6, "text": f"Step 6 text 1\n\n{HOSTILE}", "ended": True}
    context.volume.publish(job.id, Phase.TRAIN, attempt, {"result": {}})
    assert http.get(SAMPLES).json() == running


def test_the_page_lists_every_passage_even_without_a_script(http: httpx.Client, attempt: Path) -> None:
    response = http.get(PAGE)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    reader = PassageReader()
    reader.feed(response.text)
    assert (reader.scripts, reader.hidden) == (1, 0)  # ours: the one in the texts is only text
    assert [len(reader.texts[label]) for label in ("The author", "Before training", "Step 3", "Step 6")] == [2] * 4
    escaped = HOSTILE.replace("\x07", "").strip()
    for label, step in (("Before training", 0), ("Step 3", 3), ("Step 6", 6)):
        for number, text in enumerate(reader.texts[label]):
            assert f"Step {step} text {number}" in text
            assert escaped in text
            assert text.rstrip().endswith("…") == (number == 0)  # it was cut off


def test_before_training_there_is_nothing_and_the_page_says_so(http: httpx.Client, job: Job) -> None:
    assert http.get(SAMPLES).json()["briefs"] == []
    assert "has not written anything yet" in http.get(PAGE).text


def test_a_job_that_does_not_exist(http: httpx.Client) -> None:
    assert http.get(SAMPLES).json()["error"]["code"] == "job_not_found"
    page = http.get(PAGE)
    assert page.status_code == 404
    assert "This did not work" in page.text


def test_a_job_links_to_the_page_once_it_trains(http: httpx.Client, context: Context) -> None:
    job = submit(context, "ftjob-2")
    address = f"/v1/fine_tuning/jobs/{job.id}"
    assert http.get(address).json()["scriptorium"]["pages"] is None
    context.store.jobs.update(job.id, lambda job: job.model_copy(update={"attempts": {Phase.TRAIN: 1}}))
    assert http.get(address).json()["scriptorium"]["pages"] == {"samples": f"/jobs/{job.id}/samples"}
