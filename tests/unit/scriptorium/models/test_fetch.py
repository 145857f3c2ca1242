"""A base model is fetched from a hub on loopback: resumed, cancelled, shared, measured, refused."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants, snapshot_download

from scriptorium.contracts import Level
from scriptorium.errors import BaseModelUnusable, Cancelled, DiskFull
from scriptorium.models import fetch as fetching
from scriptorium.models.base_models import locate_model
from scriptorium.models.fetch import FetchProgress, fetch_model, format_bytes, format_seconds
from scriptorium.models.hub import HubFile, Repository, choose_weights
from scriptorium.models.hub_cache import CachedModel
from scriptorium.process.child import wait_until
from tests.fake_hub import COMMIT, MODEL, NAME, FakeHub, serving_hub

SOON = timedelta(seconds=30)
NOBODY = "http://127.0.0.1:9"  # nobody listens there
Fetch = Callable[[str], Path]
SIZE = sum(map(len, MODEL.values()))
WEIGHT = "model-00001-of-00002.safetensors"
PROGRAM = """
import sys
from pathlib import Path
from scriptorium.jobs.reporter import ConsoleReporter
from scriptorium.models.base_models import obtain_model
print(obtain_model(sys.argv[1], Path("/nowhere"), ConsoleReporter()), flush=True)
"""


@dataclass
class StoppableReporter:
    """Records messages and their data; stops the fetch once it was cancelled."""

    messages: list[str] = field(default_factory=list)
    data: list[dict[str, Any]] = field(default_factory=list)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def message(self, text: str, level: Level = Level.INFO, **data: Any) -> None:
        self.messages.append(text)
        self.data.append(data)

    def check(self) -> None:
        if self.cancelled.is_set():
            raise Cancelled("the job was cancelled")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub"


@pytest.fixture
def reporter() -> StoppableReporter:
    return StoppableReporter()


@pytest.fixture
def fetch(cache: Path, reporter: StoppableReporter) -> Fetch:
    """Return the fetch of the model from an endpoint into the cache, with short pauses."""
    return lambda url: fetch_model(NAME, reporter, endpoint=url, cache=cache, pause=0.01)


@contextmanager
def another_process(url: str, cache: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Fetch the model in a process of its own."""
    env = {**os.environ, "HF_ENDPOINT": url, "HF_HUB_CACHE": str(cache), "NO_PROXY": "127.0.0.1", **env}
    line = [sys.executable, "-c", PROGRAM, NAME]
    with subprocess.Popen(line, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_what_is_needed_is_fetched_and_the_hubs_own_client_finds_it(
    fetch: Fetch, cache: Path, reporter: StoppableReporter
) -> None:
    hub = FakeHub()
    with serving_hub(hub) as url:
        folder = fetch(url)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == MODEL
        asked_for = len(hub.requests)
        assert fetch(url) == folder
    assert asked_for == len(hub.requests) == len(MODEL)
    assert {path.rsplit("/", 1)[1] for path, _ in hub.requests} == set(MODEL)
    assert Path(snapshot_download(NAME, cache_dir=cache, local_files_only=True)) == folder
    assert reporter.messages[0] == f"[DATA] Fetching {NAME}: 2.1 MB in 6 files"
    assert reporter.messages[-1].startswith(f"[DATA] Fetched {NAME}: 2.1 MB in ")
    assert reporter.data[-1] == {"bytes": SIZE, "total_bytes": SIZE}


def sizes(parts: Path) -> Iterator[int]:
    """Yield the sizes of files that are not complete; one may be renamed meanwhile."""
    for path in parts.glob("*.incomplete"):
        with suppress(FileNotFoundError):
            yield path.stat().st_size


def test_a_killed_fetch_goes_on_where_it_stopped(fetch: Fetch, cache: Path, reporter: StoppableReporter) -> None:
    hub = FakeHub(stalled_after=768 * 1024)
    with serving_hub(hub) as url, another_process(url, cache) as process:
        parts = cache / f"models--{NAME.replace('/', '--')}" / "blobs"
        assert wait_until(lambda: any(size > 500_000 for size in sizes(parts)), SOON)
        process.kill()
        process.wait(10)
        assert CachedModel(NAME, cache).snapshot() is None
        hub.stalled_after = None
        arrived = next(parts.glob("*.incomplete")).stat().st_size
        folder = fetch(url)
    assert hub.ranges(WEIGHT) == ["", f"bytes={arrived}-"]
    assert (folder / WEIGHT).read_bytes() == MODEL[WEIGHT]
    assert reporter.messages[0].endswith("KB of them are here already")
    assert list(parts.glob("*.incomplete")) == []


def test_a_cancel_is_heard_while_nothing_comes_and_what_came_stays(
    fetch: Fetch, cache: Path, reporter: StoppableReporter
) -> None:
    hub = FakeHub(stalled_after=512 * 1024)
    with serving_hub(hub) as url, ThreadPoolExecutor(1) as pool:
        running = pool.submit(fetch, url)
        assert wait_until(lambda: hub.sent > 512 * 1024, SOON)
        time.sleep(0.3)
        started = time.monotonic()
        reporter.cancelled.set()
        with pytest.raises(Cancelled):
            running.result(5)
        assert time.monotonic() - started < 2
        hub.released.set()
    part = next(CachedModel(NAME, cache).blobs.glob("*.incomplete"))
    assert part.stat().st_size >= 384 * 1024


def test_two_processes_fetch_a_model_once(cache: Path) -> None:
    hub = FakeHub(pause=0.05)
    with serving_hub(hub) as url, another_process(url, cache) as first, another_process(url, cache) as second:
        answers = [process.communicate(timeout=60) for process in (first, second)]
    assert len({path for path, _ in answers}) == 1
    assert len(hub.requests) == len(MODEL)
    waiting = [output for _, output in answers if "Another service is fetching" in output]
    assert len(waiting) == 1


def test_a_fetch_that_waits_for_another_can_be_cancelled(
    fetch: Fetch, cache: Path, reporter: StoppableReporter
) -> None:
    model = CachedModel(NAME, cache)
    with model.try_lock() as locked, ThreadPoolExecutor(1) as pool:
        assert locked
        running = pool.submit(fetch, NOBODY)
        assert wait_until(lambda: reporter.messages, SOON)
        reporter.cancelled.set()
        with pytest.raises(Cancelled):
            running.result(5)
    assert reporter.messages == [f"[DATA] Another service is fetching {NAME}; waiting for it."]


def test_too_little_disk_is_known_before_a_byte_is_fetched(
    fetch: Fetch, cache: Path, reporter: StoppableReporter
) -> None:
    hub = FakeHub(claimed_size=10**15)
    with serving_hub(hub) as url, pytest.raises(DiskFull) as caught:
        fetch(url)
    assert hub.requests == []
    assert "needs 2,000 TB" in caught.value.message
    assert "are free on the disk of" in caught.value.message
    assert "HF_HOME" in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("refusal", "token", "reason", "step"),
    [
        (
            (401, "GatedRepo"),
            "",
            "there is no HF_TOKEN",
            f"/{NAME} and wait until access is granted. Then set HF_TOKEN",
        ),
        ((403, "GatedRepo"), "hf_x", "has not been granted access", f"/{NAME} and wait until access is granted."),
        ((401, ""), "hf_x", "does not accept HF_TOKEN", "Create a new token"),
        ((404, "EntryNotFound"), "", "answered 404", "create the job again"),
    ],
)
def test_a_refusal_has_its_next_step(
    refusal: tuple[int, str], token: str, reason: str, step: str, *,
    fetch: Fetch, cache: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("HF_TOKEN", token)
    monkeypatch.setenv("HF_TOKEN_PATH", str(cache / "token"))
    with serving_hub(FakeHub(refusal=refusal)) as url, pytest.raises(BaseModelUnusable, match=reason) as caught:
        fetch(url)
    assert step in str(caught.value.next_step)
    assert CachedModel(NAME, cache).snapshot() is None


def test_a_repository_that_is_not_there_or_without_safetensors(
    fetch: Fetch, cache: Path, reporter: StoppableReporter
) -> None:
    with serving_hub(FakeHub(unknown=True)) as url, pytest.raises(BaseModelUnusable, match="has no model"):
        fetch(url)
    pickles = {"config.json": b"{}", "pytorch_model.bin": b"pickle"}
    with serving_hub(FakeHub(files=pickles)) as url, pytest.raises(BaseModelUnusable, match="no weights in the format"):
        fetch(url)


def test_a_hub_that_cannot_be_reached(fetch: Fetch, cache: Path, reporter: StoppableReporter) -> None:
    with pytest.raises(BaseModelUnusable, match="could not be fetched from http") as caught:
        fetch(NOBODY)
    assert "goes on where it stopped" in str(caught.value.next_step)


def test_a_hub_that_may_not_be_asked(fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BaseModelUnusable, match="HF_HUB_OFFLINE forbids") as caught:
        fetch(NOBODY)
    assert "models/ on the volume" in str(caught.value.next_step)


def test_a_cache_that_cannot_be_written(tmp_path: Path, reporter: StoppableReporter) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BaseModelUnusable, match="could not be stored"):
        fetch_model(NAME, reporter, endpoint=NOBODY, cache=tmp_path / "file")


def test_a_hub_that_is_busy_is_asked_again(fetch: Fetch, reporter: StoppableReporter) -> None:
    with serving_hub(FakeHub(failures=3)) as url:
        fetch(url)
    assert [text for text in reporter.messages if "trying again" in text] == reporter.messages[:2]


def test_a_lost_connection_is_taken_up_again(fetch: Fetch, cache: Path, reporter: StoppableReporter) -> None:
    hub = FakeHub(broken_after=704 * 1024)
    with serving_hub(hub) as url:
        folder = fetch(url)
    assert len(hub.ranges(WEIGHT)) == 2
    assert (folder / WEIGHT).read_bytes() == MODEL[WEIGHT]


def test_a_server_without_ranges_sends_the_file_from_its_beginning(
    fetch: Fetch, cache: Path, reporter: StoppableReporter
) -> None:
    hub = FakeHub(knows_ranges=False)
    with serving_hub(hub) as url:
        model = CachedModel(NAME, cache)
        model.blobs.mkdir(parents=True)
        entry = hub.entry(WEIGHT, MODEL[WEIGHT])
        (model.blobs / f"{entry['lfs']['sha256']}.incomplete").write_bytes(MODEL[WEIGHT][:1000])
        folder = fetch(url)
    assert (folder / WEIGHT).read_bytes() == MODEL[WEIGHT]
    assert reporter.data[-1]["bytes"] == SIZE


def test_what_did_not_arrive_intact_is_not_kept(fetch: Fetch, cache: Path, reporter: StoppableReporter) -> None:
    with serving_hub(FakeHub(damage=True)) as url, pytest.raises(BaseModelUnusable, match="did not arrive intact"):
        fetch(url)
    model = CachedModel(NAME, cache)
    assert model.snapshot() is None
    assert list(model.blobs.glob("*.incomplete")) == []


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_file_that_is_too_short_is_not_asked_for_for_ever(fetch: Fetch, knows_ranges: bool) -> None:
    hub = FakeHub(short_by=1, knows_ranges=knows_ranges)
    with serving_hub(hub) as url, pytest.raises(BaseModelUnusable, match="could not be fetched"):
        fetch(url)
    assert len(hub.requests) < 20


def test_a_file_without_an_end_is_not_stored(cache: Path, fetch: Fetch) -> None:
    with serving_hub(FakeHub(long_by=20_000_000)) as url, pytest.raises(BaseModelUnusable, match="not arrive intact"):
        fetch(url)
    assert sum(path.stat().st_size for path in cache.rglob("*") if path.is_file()) < 1_000_000


def test_an_answer_that_is_not_the_hubs_is_told(fetch: Fetch) -> None:
    with serving_hub(FakeHub(portal=b"<html>Sign in</html>")) as url, pytest.raises(BaseModelUnusable) as caught:
        fetch(url)
    assert "its answer is not a listing of files" in caught.value.message


def test_what_another_program_left_half_is_completed(
    fetch: Fetch, cache: Path, reporter: StoppableReporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = CachedModel(NAME, cache)
    folder = model.folder / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (model.folder / "refs").mkdir()
    (model.folder / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    with pytest.raises(BaseModelUnusable, match="is not on this machine"):
        locate_model(NAME, cache / "models")
    with serving_hub(FakeHub()) as url:
        assert fetch(url) == folder
    assert (folder / "config.json").read_bytes() == MODEL["config.json"]
    assert locate_model(NAME, cache / "models") == folder


def test_the_way_to_the_hub_honours_a_proxy(cache: Path) -> None:
    hub = FakeHub()
    with serving_hub(hub) as url:
        env = {"HTTP_PROXY": url, "http_proxy": url, "NO_PROXY": "", "no_proxy": ""}
        with another_process("http://hub.invalid", cache, **env) as process:
            output, errors = process.communicate(timeout=60)
    assert output.strip().endswith(COMMIT), errors
    assert hub.hosts == {"hub.invalid"}


def test_progress_is_told_in_bytes_with_speed_and_time_left(
    reporter: StoppableReporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(fetching.time, "monotonic", lambda: now[0])
    repository = Repository(NAME, COMMIT, (HubFile("model.safetensors", 16_100_000_000, "0"),))
    progress = FetchProgress(repository, 2_790_000_000, reporter)
    progress.add(1)
    now[0] += 10
    progress.add(410_000_000)
    assert reporter.messages == [f"[DATA] Fetching {NAME}: 3.2 of 16.1 GB, 41.0 MB/s, 5 min"]
    assert reporter.data == [
        {"bytes": 3_200_000_001, "total_bytes": 16_100_000_000, "bytes_per_second": 41_000_000, "eta_seconds": 315}
    ]
    for _ in range(3600):
        now[0] += 1
        progress.add(1_000_000)
    assert 60 < len(reporter.messages) < 200


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (123_456_789, "123 MB"), (16e9, "16.0 GB")]
)
def test_bytes_are_named_in_a_fitting_unit(count: float, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (315, "5 min"), (8000, "2 h 13 min")])
def test_durations_are_named_as_people_say_them(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_one_set_of_weights_is_chosen() -> None:
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = "model.safetensors.index.json"
    assert choose_weights([*shards, index, "consolidated.safetensors"]) == shards
    assert choose_weights(["model.safetensors", "onnx/model.safetensors", "adapter_model.safetensors"]) == [
        "model.safetensors"
    ]
    assert choose_weights(["pytorch_model.bin", "model.fp16.safetensors"]) == []
