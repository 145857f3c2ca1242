"""Fetch a base model from the hub into its cache: one fetch for all services, with progress, stopped at any moment.

What has arrived stays for the next fetch, and a model is in the cache only once all of it has arrived and was verified.
"""

from __future__ import annotations

import shutil
import time
from functools import partial
from pathlib import Path

from scriptorium.artifacts.volume import disk_errors
from scriptorium.errors import BaseModelUnusable, DiskFull
from scriptorium.models.download import PAUSE, TAG, FetchReporter, ask, download, read_file
from scriptorium.models.hub import Repository, hub_errors, read_repository
from scriptorium.models.hub_cache import CachedModel

WAIT_INTERVAL = 0.5  # seconds
REPORT_SECONDS = 10.0
MAX_REPORT_SECONDS = 60.0
RESERVED_BYTES = 1 << 30  # left free for everything else on the disk
UNITS = ("B", "KB", "MB", "GB", "TB")


def fetch_model(
    name: str, reporter: FetchReporter, *, endpoint: str = "", cache: Path | None = None, pause: float = PAUSE
) -> Path:
    """Return a model's folder in the hub's cache, and fetch what is missing of it.

    If another process fetches it already, wait for that one. The endpoint and the cache are those of the hub's client,
    HF_ENDPOINT and HF_HUB_CACHE, unless named; `pause` is the time until a failure is tried again. Raises
    BaseModelUnusable, DiskFull, or what `reporter.check` raises.
    """
    model = CachedModel(name, cache)
    announced = False
    try:
        while (folder := model.snapshot()) is None:
            reporter.check()
            with disk_errors(), model.try_lock() as locked:
                if locked:
                    return fetch_files(name, model, reporter, endpoint or default_endpoint(), pause=pause)
            if not announced:
                reporter.message(f"{TAG} Another service is fetching {name}; waiting for it.")
                announced = True
            time.sleep(WAIT_INTERVAL)
    except OSError as error:
        raise BaseModelUnusable(
            f"The base model {name} could not be stored in {model.folder}: {error}.",
            param="model",
            next_step="Make the folder writable, or set HF_HOME to another one.",
        ) from error
    return folder


def fetch_files(name: str, model: CachedModel, reporter: FetchReporter, endpoint: str, *, pause: float) -> Path:
    """Fetch the missing files of a model whose lock this process holds, and publish them together."""
    from huggingface_hub import hf_hub_url

    if folder := model.snapshot():  # another process fetched it just before
        return folder
    with hub_errors(name, endpoint):
        repository = ask(partial(read_repository, name, endpoint), reporter, pause)
    present = sum(map(model.present_bytes, repository.files))
    announce(repository, present, reporter)
    model.blobs.mkdir(parents=True, exist_ok=True)
    check_space(repository, present, model.blobs)
    progress = FetchProgress(repository, present, reporter)
    for file in repository.files:
        if model.has(file):
            continue
        url = hf_hub_url(name, file.name, revision=repository.commit, endpoint=endpoint)
        with hub_errors(name, endpoint):
            part = model.incomplete(file)
            download(file, partial(read_file, url), part, reporter, count=progress.add, pause=pause)
        part.replace(model.blob(file))
    folder = model.publish(repository)
    progress.finish()
    return folder


def announce(repository: Repository, present: int, reporter: FetchReporter) -> None:
    """Report what will be fetched."""
    resumed = f"; {format_bytes(present)} of them are here already" if present else ""
    reporter.message(
        f"{TAG} Fetching {repository.name}: {format_bytes(repository.size)} in {len(repository.files)} files{resumed}",
        bytes=present,
        total_bytes=repository.size,
    )


def check_space(repository: Repository, present: int, folder: Path) -> None:
    """Raise DiskFull if the disk has no room for what is missing."""
    missing, free = repository.size - present, shutil.disk_usage(folder).free
    if missing and missing + RESERVED_BYTES > free:
        raise DiskFull(
            f"Fetching {repository.name} needs {format_bytes(missing)} and {format_bytes(RESERVED_BYTES)} in reserve, "
            f"but {format_bytes(free)} are free on the disk of {folder}.",
            param="model",
            next_step="Free some space there, or set HF_HOME to a folder on a larger disk, then create the job again.",
        )


class FetchProgress:
    """The progress of a fetch in bytes: reported every ten seconds, later once a minute."""

    def __init__(
        self, repository: Repository, present: int, reporter: FetchReporter, interval: float = REPORT_SECONDS
    ) -> None:
        self._name = repository.name
        self._total = repository.size
        self._reporter = reporter
        self._interval = interval
        self._bytes = self._reported_bytes = self._first_bytes = present
        self._started = self._reported_at = time.monotonic()

    def add(self, count: int) -> None:
        """Count bytes that came (or, if negative, were lost), and report if it is time to."""
        self._bytes += count
        now = time.monotonic()
        pause = min(max(self._interval, (now - self._started) / 20), max(self._interval, MAX_REPORT_SECONDS))
        if now - self._reported_at >= pause:
            self._report(now)

    def finish(self) -> None:
        """Report the end."""
        seconds = time.monotonic() - self._started
        self._reporter.message(
            f"{TAG} Fetched {self._name}: {format_bytes(self._bytes - self._first_bytes)} in {format_seconds(seconds)}",
            bytes=self._bytes,
            total_bytes=self._total,
        )

    def _report(self, now: float) -> None:
        rate = max(0.0, (self._bytes - self._reported_bytes) / (now - self._reported_at))
        self._reported_at, self._reported_bytes = now, self._bytes
        left = (self._total - self._bytes) / rate if rate else None
        done, total = format_bytes(self._bytes), format_bytes(self._total)
        if done.split()[1] == total.split()[1]:
            done = done.split()[0]
        self._reporter.message(
            f"{TAG} Fetching {self._name}: {done} of {total}, {format_bytes(rate)}/s"
            + (f", {format_seconds(left)}" if left is not None else ""),
            bytes=self._bytes,
            total_bytes=self._total,
            bytes_per_second=round(rate),
            eta_seconds=None if left is None else round(left),
        )


def format_bytes(count: float) -> str:
    """Return a number of bytes in the largest unit that fits, with one decimal below 100."""
    power = 0
    while count >= 1000 and power < len(UNITS) - 1:
        count, power = count / 1000, power + 1
    return f"{count:,.0f} {UNITS[power]}" if power == 0 or count >= 100 else f"{count:.1f} {UNITS[power]}"


def format_seconds(seconds: float) -> str:
    """Return a duration as people say it: seconds, minutes, or hours and minutes."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def default_endpoint() -> str:
    """Return the address of the hub (HF_ENDPOINT)."""
    from huggingface_hub import constants

    return str(constants.ENDPOINT)
