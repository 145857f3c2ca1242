"""The base model is fetched within the phase: with events, cancelled within seconds, and before any other work."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub import constants
from work import SOON, event_messages, never, prepare, submit

from scriptorium.contracts import Job, Phase, Status
from scriptorium.jobs.runner import Context, run_phase
from scriptorium.process.child import wait_until
from tests.fake_hub import NAME, FakeHub, serving_hub


@pytest.fixture
def job_of_the_hub(context: Context) -> Job:
    """Return a submitted job whose base is on the hub."""
    job = submit(context, "ftjob-1")
    return context.store.jobs.update(job.id, lambda job: job.model_copy(update={"model": NAME}))


def name_hub(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the hub's client takes from HF_ENDPOINT when it is imported."""
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the hub's cache of this test."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_a_job_fetches_its_base_and_says_so(
    context: Context, job_of_the_hub: Job, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_hub(FakeHub()) as url:
        name_hub(url, monkeypatch)
        run_phase(job_of_the_hub.id, Phase.PREPARE, prepare, context=context)
    assert context.store.jobs.get(job_of_the_hub.id).phase is Phase.TRAIN
    messages = event_messages(context, job_of_the_hub.id)
    announced = next(index for index, text in enumerate(messages) if text.startswith(f"[DATA] Fetching {NAME}: 2.1 MB"))
    assert messages.index("[DATA] 1 example") > announced


def test_a_cancel_ends_a_fetch_within_seconds(
    context: Context, job_of_the_hub: Job, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = FakeHub(stalled_after=128 * 1024)  # nothing comes any more, and the connection stays
    with serving_hub(hub) as url, ThreadPoolExecutor(1) as pool:
        name_hub(url, monkeypatch)
        running = pool.submit(run_phase, job_of_the_hub.id, Phase.PREPARE, never, context=context)
        assert wait_until(lambda: hub.sent > 128 * 1024, SOON)
        started = time.monotonic()
        context.store.jobs.update(
            job_of_the_hub.id, lambda job: job.model_copy(update={"cancel_requested": True})
        )  # as the API does
        running.result(5)
        assert time.monotonic() - started < 3
    assert context.store.jobs.get(job_of_the_hub.id).status is Status.CANCELLED
